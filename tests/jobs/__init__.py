"""The queue on a real Valkey, and the processes without pages."""
