"""Tells paths from URIs."""

from __future__ import annotations


def is_remote(path: str) -> bool:
    """Whether a source's path is a URL."""
    return "://" in path
