"""The XML wire of the card gateway: one module for each resource, `dispatch` in front of them."""
