"""Holds the entry points for spark-submit; each is a few lines around a package of its own."""
