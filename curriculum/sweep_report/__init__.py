"""A scored sweep becomes figures and findings."""
