"""Proves what a run has read."""
