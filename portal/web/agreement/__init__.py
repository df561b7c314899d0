"""The door of a payment plan's offer, a file per step in the order people meet them, and the guard."""
