"""Rules tried on generated cases."""
