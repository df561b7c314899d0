"""The door of a link that changes the card of scheduled payments, a file per step: card, authorization, done."""
