"""Defines the files that a user writes: curricula and sweeps."""
