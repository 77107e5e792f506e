"""Holds the commands of `python -m curriculum`, one a file: each adds its arguments and runs."""
