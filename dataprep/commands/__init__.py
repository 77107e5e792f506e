"""The commands of `python -m dataprep`, one a file."""
