"""Holds the commands of `python -m dataprep`, one a file."""
