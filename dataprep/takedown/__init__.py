"""Takedown: rows leave a finished dataset, and every sample keeps its number."""
