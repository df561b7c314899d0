"""Real parts for tests: servers and processes. Used by tests/ and bench/, never by the portal."""
