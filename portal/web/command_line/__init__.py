"""The operators' door: groups of `flask --app wsgi ...`, one file each. Use cases do the work."""
