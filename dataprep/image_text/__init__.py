"""Holds what the pairs and conversations jobs share."""
