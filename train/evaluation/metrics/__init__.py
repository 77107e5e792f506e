"""Holds the metrics of the official tasks, one a file."""
