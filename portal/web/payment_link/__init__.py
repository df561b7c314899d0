"""The payment link flow, a file per step in the order people meet them, and the guard."""
