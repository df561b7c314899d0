"""The clock and the queue come in here. The only room that knows RQ and Redis."""
