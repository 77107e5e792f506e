"""Datasets as the loader sees them."""
