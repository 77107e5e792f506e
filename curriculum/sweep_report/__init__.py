"""Turns a scored sweep into figures and findings."""
