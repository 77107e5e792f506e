"""Trains and scores a sweep on one machine."""
