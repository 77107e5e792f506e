"""Compiles a curriculum file into a schedule."""
