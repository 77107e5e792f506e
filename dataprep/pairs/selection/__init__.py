"""Chooses which pairs stay."""
