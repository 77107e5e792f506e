"""Loads tokenizers and encodes texts."""
