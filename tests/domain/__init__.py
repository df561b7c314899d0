"""Rules without rows."""
