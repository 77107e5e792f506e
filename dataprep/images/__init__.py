"""Checks and turns encoded pictures."""
