"""A dataset's shards as one small table, checked against manifest and schedule when it is made.

Streaming keeps a reader object for every shard in every rank, several kilobytes each, built from JSON at every start.
Here the first rank of a node reads `index.json` and `manifest.json` once, checks that they and the schedule agree, and
leaves a file of fixed-size records that all ranks and workers map into memory: about 80 bytes a shard, shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import orjson
from numpy.typing import NDArray
from streaming.base.format.base.reader import FileInfo
from streaming.base.format.mds import MDSReader
from streaming.base.format.mds.encodings import is_mds_encoding_safe

from common.errors import InputError
from schemas.manifest import Manifest
from schemas.phases import Source
from train.loader.cache.cache_folder import TABLE
from train.loader.cache.download import PART

_COMMON = ("version", "format", "compression", "column_names", "column_encodings", "column_sizes")
_REMEDY = "write the dataset again with the dataprep job that made it"


class Shard(MDSReader):
    """Streaming's reader of one shard, with the receipt that its stored file is checked against."""

    digest: int
    """xxh3-64 of the file as stored."""
    number: int
    """In its dataset."""
    in_place = False
    """Read where the dataset lies: takes no room in the cache, and is never evicted."""

    @property
    def stored(self) -> FileInfo:
        """The file as the dataset has it: compressed, if it is."""
        return self.zip_data or self.raw_data

    def get_max_size(self) -> int:
        """Bytes of room that it may take in the cache."""
        return 0 if self.in_place else int(super().get_max_size())


@dataclass(frozen=True)
class ShardTable:
    """All shards of a dataset, in its order."""

    records: NDArray[Any]
    """Structured [shards]: samples, raw and zip (bytes; 0: not compressed), digest (of the stored file), name."""
    layout: dict[str, Any]
    """What all shards share: the columns and the compression."""

    @classmethod
    def of(cls, index: bytes, manifest: Manifest, source: Source, place: str) -> Self:
        """Make the table; `place` is where the dataset lies, for messages.

        Raises:
            InputError: index, manifest and schedule do not describe the same shards, or a column is unsafe to read.
        """
        try:
            entries = orjson.loads(index)["shards"]
            layout = {key: entries[0][key] for key in _COMMON}
            uniform = all(entry[key] == layout[key] for entry in entries for key in _COMMON)
            extension = (layout["compression"] or "").partition(":")[0]
            uniform &= all(
                not e["zip_data"] or e["zip_data"]["basename"] == f"{e['raw_data']['basename']}.{extension}"
                for e in entries
            )
            files = [entry["zip_data"] or entry["raw_data"] for entry in entries]
            rows = [
                (
                    int(entry["samples"]),
                    int(entry["raw_data"]["bytes"]),
                    int(entry["zip_data"]["bytes"]) if entry["zip_data"] else 0,
                    str(entry["raw_data"]["basename"]),
                )
                for entry in entries
            ]
            found = [(str(f["basename"]), int(f["bytes"]), row[0]) for f, row in zip(files, rows, strict=True)]
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise InputError(
                f"index.json of source '{source.name}' is damaged ({type(error).__name__}: {error})",
                file=place,
                remedy=_REMEDY,
            ) from None
        if not uniform or (layout["version"], layout["format"]) != (2, "mds"):
            raise InputError(
                f"index.json of source '{source.name}' mixes layouts or is not MDS 2", file=place, remedy=_REMEDY
            )
        for column, encoding in zip(layout["column_names"], layout["column_encodings"], strict=True):
            if not is_mds_encoding_safe(encoding):
                problem = f"column '{column}' of source '{source.name}' is {encoding}, which runs code when it is read"
                raise InputError(problem, file=place, remedy=_REMEDY)
        _check_names([row[3] for row in rows], source, place)
        _check_receipts(found, manifest, source, place)
        _check_schedule([row[0] for row in rows], source, place)
        width = max(len(row[3]) for row in rows)
        fields = [("samples", "<i8"), ("raw", "<i8"), ("zip", "<i8"), ("digest", "<u8"), ("name", f"S{width}")]
        digests = (int(receipt.digest, 16) for receipt in manifest.shards)
        records = np.array([(*row[:3], digest, row[3]) for row, digest in zip(rows, digests, strict=True)], fields)
        return cls(records, layout)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def compressed(self) -> bool:
        """Whether the stored files have to be decompressed before they can be read."""
        return self.layout["compression"] is not None

    def save(self, path: Path) -> None:
        """Write the records; who has the file of an earlier loader mapped keeps it as it was."""
        part = path.with_name(f".{path.name}{PART}")
        with part.open("wb") as file:
            np.save(file, self.records)
        part.rename(path)

    @classmethod
    def load(cls, path: Path, layout: dict[str, Any]) -> Self:
        """Map the records of `save` into memory."""
        return cls(np.load(path, mmap_mode="r"), layout)

    def shard(self, number: int, folder: str, *, in_place: bool) -> Shard:
        """Streaming's reader of shard `number`, whose raw file is in `folder`."""
        record, layout = self.records[number], self.layout
        name = record["name"].decode()
        extension = (layout["compression"] or "").partition(":")[0]
        shard = Shard(
            dirname=folder,
            split="",
            column_encodings=layout["column_encodings"],
            column_names=layout["column_names"],
            column_sizes=layout["column_sizes"],
            compression=layout["compression"],
            hashes=[],
            raw_data=FileInfo(basename=name, bytes=int(record["raw"]), hashes={}),
            samples=int(record["samples"]),
            size_limit=None,
            zip_data=FileInfo(f"{name}.{extension}", int(record["zip"]), {}) if record["zip"] else None,
        )
        shard.number, shard.digest, shard.in_place = number, int(record["digest"]), in_place
        return shard


def _check_names(names: list[str], source: Source, place: str) -> None:
    """A name that comes twice would give its samples twice; one that leads elsewhere would be written there."""
    seen: set[str] = set()
    for name in names:
        if name in seen or name in (TABLE, "") or name.startswith("/") or ".." in name.split("/"):
            problem = "index.json lists it twice" if name in seen else "no shard may have that name"
            raise InputError(f"shard '{name}' of source '{source.name}': {problem}", file=place, remedy=_REMEDY)
        seen.add(name)


def _check_receipts(found: list[tuple[str, int, int]], manifest: Manifest, source: Source, place: str) -> None:
    due = [(receipt.name, receipt.bytes, receipt.samples) for receipt in manifest.shards]
    if found == due:
        return
    if len(found) != len(due):
        problem = f"index.json lists {len(found):,} shards, manifest.json {len(due):,}"
    else:
        at = next(i for i, pair in enumerate(zip(found, due, strict=True)) if pair[0] != pair[1])
        (name, size, samples), (name_due, size_due, samples_due) = found[at], due[at]
        problem = (
            f"shard {at:,} is '{name}' ({samples:,} samples, {size:,} bytes) in index.json, "
            f"'{name_due}' ({samples_due:,} samples, {size_due:,} bytes) in manifest.json"
        )
    raise InputError(f"index and manifest of source '{source.name}' disagree: {problem}", file=place, remedy=_REMEDY)


def _check_schedule(samples: list[int], source: Source, place: str) -> None:
    due = np.repeat(*np.array(source.shards, np.int64).T)
    if not np.array_equal(np.array(samples, np.int64), due):
        raise InputError(
            f"the shards of source '{source.name}' are not those that the schedule was compiled for",
            file=place,
            remedy="compile the schedule again, or point `path` at the dataset that it was compiled for",
        )
