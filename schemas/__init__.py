"""Contracts between `dataprep`, `curriculum` and `train`: what the files that pass between them mean."""
