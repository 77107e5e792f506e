"""Chooses which documents stay."""
