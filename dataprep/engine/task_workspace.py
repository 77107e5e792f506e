"""Gives a task a place to write: scratch files, files to publish, intermediate files."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataprep.engine import checksums
from dataprep.engine.paths import STAGING, TEMPORARY
from dataprep.storage import files, fingerprint

Intermediate = list[Any]
"""Name below the dataset's root, bytes, digest (a list, as JSON gives it back)."""


@dataclass(frozen=True)
class Published:
    """A file at its final place."""

    name: str
    """Path below the dataset's root."""
    bytes: int


class Scratch:
    """A local directory of one attempt of one task, and the only door to the dataset."""

    def __init__(self, out: str, directory: Path) -> None:
        self.out, self.directory = out, directory
        self.intermediates: list[Intermediate] = []
        """What `publish_intermediate` has published."""
        self.published: list[list[str]] = []
        """Name and digest of each file of the dataset."""
        self.unflushed: list[str] = []
        """Files of the dataset that have their names, and would not survive a power cut before `files.flush`."""

    def path(self, name: str) -> Path:
        """A local path for a file in the making."""
        return self.directory / name

    def publish(self, local: Path, name: str, digest: str | None = None) -> Published:
        """Move the finished `local` file to `OUT/name`, atomically; `name` must not depend on the attempt.

        Args:
            digest: of the file, where it is known: otherwise it is read for it.
        """
        length, uri = local.stat().st_size, files.join(self.out, name)
        if not name.startswith(f"{STAGING}/"):
            self.published.append([name, digest or fingerprint.digest(str(local))])
        files.publish_file(local, uri, durable=False, temporary=files.join(self.out, TEMPORARY))
        self.unflushed.append(uri)
        return Published(name, length)

    def publish_intermediate(self, local: Path, name: str, digest: str) -> Published:
        """Publishes a file that only a later stage reads: like `publish`, without waiting for the disk.

        Args:
            digest: of the file, as `files.digest` gives it.
        """
        length = local.stat().st_size
        if files.is_local(self.out):  # what a store has taken, it has
            self.intermediates.append([name, length, digest])
        temporary = files.join(self.out, TEMPORARY)
        files.publish_file(local, files.join(self.out, name), durable=False, temporary=temporary)
        return Published(name, length)

    def publish_bytes(self, data: bytes, name: str) -> Published:
        """Write `data` to `OUT/name`, atomically, without a local copy where that is possible."""
        if files.is_local(self.out):
            local = self.path(uuid.uuid4().hex)
            local.write_bytes(data)
            return self.publish(local, name, checksums.of(data))
        self.published.append([name, checksums.of(data)])
        files.publish_bytes(data, files.join(self.out, name), temporary=files.join(self.out, TEMPORARY))
        return Published(name, len(data))
