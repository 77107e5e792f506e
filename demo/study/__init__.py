"""Runs the paper's sweep in miniature (`make study`), from generated data to figures."""
