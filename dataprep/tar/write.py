"""Writes tars byte by byte the same for the same members, by webdataset's own writer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from common.light_import import import_part


def write_tar(out: BinaryIO, files: Iterable[tuple[str, bytes]]) -> None:
    """Write `files` (name, bytes) as a tar whose bytes depend on nothing else: no owner, no time.

    Raises:
        ValueError: a name without an extension, or with one that begins with an underscore (metadata to webdataset).
    """
    writer = import_part("webdataset", "writer").TarWriter
    anonymous = {"user": "", "group": "", "mode": 0o644, "mtime": 0}
    with writer(out, **anonymous, encoder=False, compress=False, format="PAX_FORMAT") as tar:
        for name, data in files:
            key, _, extension = name.rpartition(".")
            if not extension or not key or extension.startswith("_"):
                raise ValueError(f"{name!r} is no KEY.EXTENSION")
            tar.write(
                {"__key__": key, extension: data}
            )  # one at a time: a sample's own are written sorted by extension
