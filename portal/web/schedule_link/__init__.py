"""The door of a link to scheduled payments: the list, and a check page before each change. A file per thing to do."""
