"""Lists the checksum of every file of a dataset, and holds what is read of one against the list.

The manifest has digests of the shards. What says where rows came from (provenance, rejects, records of takedowns), and
manifest and index themselves, would be believed with any bit of them flipped. `checksums.txt` covers them all, a line a
file, as `xxhsum --check` reads it; pages, which are for people, are left out. It is written before the manifest, which
commits it too. Datasets of before have no such file: nothing is held against it then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import xxhash

from common.errors import InputError
from dataprep.engine import journal
from dataprep.engine.paths import CHECKSUMS_NAME, HELD_OUT, STAGING
from dataprep.storage import files, fingerprint

PUBLISHED = "published"
"""Key of a receipt's [name, digest] pairs."""
_LINE = re.compile(r"XXH3 \((.+)\) = ([0-9a-f]{16})")
_THREADS = 8


def of(data: bytes) -> str:
    """xxh3-64 of `data`, hex, as `fingerprint.digest` gives it for a file."""
    return xxhash.xxh3_64_hexdigest(data)


def of_receipts(receipts: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Digests by name of the files that tasks have published below the dataset's root."""
    return {name: digest for receipt in receipts for name, digest in receipt.get(PUBLISHED, ())}


def within(folder: str, digests: Mapping[str, str]) -> dict[str, str]:
    """Those of the dataset in `folder` ("" is the root), by name below it: what is held out is a dataset of its own."""
    below = {name.removeprefix(f"{HELD_OUT}/"): digest for name, digest in digests.items() if _is_held_out(name)}
    return below if folder else {name: digest for name, digest in digests.items() if not _is_held_out(name)}


def _is_held_out(name: str) -> bool:
    return name.startswith(f"{HELD_OUT}/")


@dataclass(frozen=True)
class Checksums:
    """The list of one dataset."""

    root: str
    digests: Mapping[str, str] = field(default_factory=dict)
    """By name below the root; empty for a dataset of before there were lists."""

    @classmethod
    def load(cls, root: str) -> Checksums:
        """The list of the dataset at `root`.

        Raises:
            InputError: it is damaged.
        """
        uri = files.join(root, CHECKSUMS_NAME)
        if not files.exists(uri):
            return cls(root)
        data = files.read_bytes(uri)
        lines = data.decode("utf-8", "replace").removesuffix("\n").split("\n")
        found = [_LINE.fullmatch(line) for line in lines]
        digests = {match[1]: match[2] for match in found if match}
        if len(digests) != len(lines) or _text(digests) != data:
            wrong = next((number for number, match in enumerate(found, 1) if not match), 1)
            raise InputError("damaged list of checksums", file=uri, line=wrong, remedy="run the dataprep job again")
        return cls(root, digests)

    def read(self, name: str) -> bytes:
        """The file `name` of the dataset, if it is as it was written.

        Raises:
            InputError: it is missing, changed, or not listed.
        """
        uri = files.join(self.root, name)
        data = files.read_bytes(uri)
        if self.digests and self.digests.get(name) != of(data):
            if journal.pending(self.root):
                raise InputError("a takedown is changing it", file=self.root, remedy="run the same command again")
            raise InputError(self._changed(name), file=uri, remedy="`verify` lists the damage; make the dataset again")
        return data

    def problems(self, known: Mapping[str, str]) -> list[str]:
        """List what is wrong with the files of the dataset: missing, changed, or not listed.

        Args:
            known: digests by name of files that are looked at elsewhere: theirs are compared, and they are not read.
        """
        if not self.digests:
            return []
        there = {uri.removeprefix(f"{self.root}/") for uri in files.list_files(self.root)}
        ours = {name for name in there if name.partition("/")[0] in _FOLDERS} | known.keys()
        found = [f"{files.join(self.root, name)}: {self._changed(name)}" for name in sorted(ours - self.digests.keys())]
        with ThreadPoolExecutor(_THREADS) as pool:
            now = pool.map(lambda name: self._now(name, known), self.digests)
            for name, digest in zip(self.digests, now, strict=True):
                if digest != self.digests[name]:
                    found.append(f"{files.join(self.root, name)}: {self._changed(name) if digest else 'missing'}")
        return found

    def _now(self, name: str, known: Mapping[str, str]) -> str | None:
        if name in known:
            return known[name]
        uri = files.join(self.root, name)
        return fingerprint.digest(uri) if files.exists(uri) else None

    def _changed(self, name: str) -> str:
        if name not in self.digests:
            return f"not in {CHECKSUMS_NAME}"
        return f"changed since it was written ({CHECKSUMS_NAME})"


_FOLDERS = ("provenance", "rejects", "removed")


def listing(digests: Mapping[str, str]) -> bytes:
    """The file over these digests by name; nothing of the staging area is in it."""
    return _text({name: digest for name, digest in sorted(digests.items()) if not name.startswith(f"{STAGING}/")})


def _text(digests: Mapping[str, str]) -> bytes:
    return "".join(f"XXH3 ({name}) = {digest}\n" for name, digest in digests.items()).encode()
