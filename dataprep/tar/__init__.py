"""Reads and writes WebDataset tars."""
