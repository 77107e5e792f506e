"""Computes digests of files, and finds the files that differ from them.

A checkpoint's `state.json` and an export's `switchpoint.json` list them: without that a flipped bit in a tensor, or a
file of another folder, would be used in silence. The hash is xxh3 of 128 bits: it finds damage and mix-ups, at the
speed of the disk; it is no defence against forgery.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import xxhash


def of_file(file: Path) -> str:
    """The digest of a file."""
    state = xxhash.xxh3_128()
    with file.open("rb") as content:
        while block := content.read(1 << 22):
            state.update(block)
    return state.hexdigest()


def differing(folder: Path, digests: Mapping[str, str]) -> Iterator[str]:
    """Compares files below `folder` with their digests; yields what is wrong with each that differs.

    Raises:
        OSError: a file cannot be read.
    """
    for name, digest in digests.items():
        if not (folder / name).is_file():
            yield f"{name} is missing"
        elif of_file(folder / name) != digest:
            yield f"{name} is not the file that was saved"
