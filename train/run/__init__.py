"""Builds a Composer run from its parts."""
