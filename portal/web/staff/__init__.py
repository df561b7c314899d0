"""The console: where the organisation's own people work. Every page says which roles may open it."""
