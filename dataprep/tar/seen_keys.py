"""Remembers the keys of a tar's samples, and tells a repeated sample from one whose members lie apart."""

from __future__ import annotations

from typing import Literal

from dataprep.tar.read import Sample


class SeenKeys:
    """Holds each key with its extensions; equal sets of extensions are one object, since millions of keys have few."""

    def __init__(self) -> None:
        self._keys: dict[str, frozenset[str]] = {}
        self._shared: dict[frozenset[str], frozenset[str]] = {}

    def again(self, sample: Sample) -> Literal["repeated", "apart"] | None:
        """Note `sample`; None where its key is new, `apart` where it brings what the earlier one lacked."""
        extensions = frozenset(sample.members)
        if (before := self._keys.get(sample.key)) is None:
            self._keys[sample.key] = self._shared.setdefault(extensions, extensions)
            return None
        return "apart" if before.isdisjoint(extensions) else "repeated"
