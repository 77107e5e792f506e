"""Traces a sample back to its input rows."""
