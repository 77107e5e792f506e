"""Saves, finds, loads and uploads checkpoints."""
