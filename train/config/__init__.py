"""Defines RUN.yaml; imports no torch."""
