"""Benchmarks: each compares two things in one run, on this machine, and prints both figures and their ratio."""
