"""Fetches one URL safely and politely."""
