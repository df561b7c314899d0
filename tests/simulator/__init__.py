"""The simulator, tested from outside: real processes, the real SDK, real sockets."""
