"""Removes rows of a finished dataset; every sample keeps its number (a takedown)."""
