"""Computes digests of files, and seals the JSON object that lists them.

A checkpoint's `state.json` and an export's `switchpoint.json` are such objects: without them a flipped bit in a tensor,
or a file of another folder, would be used in silence. The hash is xxh3 of 128 bits: it finds damage and mix-ups, at the
speed of the disk; it is no defence against forgery.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import xxhash

SEAL = "seal"


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


def sealed(text: str) -> str:
    """The JSON object `text` with its seal: the digest of all that it says."""
    said: dict[str, Any] = json.loads(text)
    return json.dumps({**said, SEAL: _seal(said)}, indent=1) + "\n"


def is_sealed(said: Mapping[str, Any]) -> bool:
    """Whether a parsed object carries a seal that fits all that it says."""
    return said.get(SEAL) == _seal(said)


def _seal(said: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in said.items() if key != SEAL}
    return xxhash.xxh3_128_hexdigest(json.dumps(rest, sort_keys=True).encode())
