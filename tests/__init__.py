"""Tests, in the same words as the rooms they test; see CONTRIBUTING.md."""
