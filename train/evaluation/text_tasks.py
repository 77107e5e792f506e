"""Parses the names of text tasks on the command line."""

from __future__ import annotations

from common.errors import InputError


def with_shots(text: str, shots: int | None = None) -> tuple[str, int | None]:
    """Task and number of examples of NAME or NAME:N; without a number, `shots`."""
    name, colon, count = text.partition(":")
    if not colon:
        return name, shots
    if not count.isdecimal():
        raise InputError(f"'{text}' is not TASK:SHOTS", field="--text", remedy="write --text hellaswag:10")
    return name, int(count)
