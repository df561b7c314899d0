"""Rows on both real databases."""
