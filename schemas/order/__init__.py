"""Computes which sample stands at which position of a schedule."""
