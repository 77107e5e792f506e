"""Metrics of the official tasks, one a file."""
