"""The real SDK against the simulator."""
