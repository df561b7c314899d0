"""What the house does, in verbs. Called by pages, jobs and the command line."""
