"""Brings a finished dataset to the hub."""
