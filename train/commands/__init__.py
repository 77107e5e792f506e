"""Holds the commands of `python -m train`, one a file; heavy imports wait until one runs."""
