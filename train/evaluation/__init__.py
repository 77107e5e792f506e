"""Scores models on benchmarks, questions about images and held-out data."""
