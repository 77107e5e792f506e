"""Tokenizers and encoding."""
