"""A dataset's shards as one small table, checked against manifest and schedule when it is made.

A reader object for every shard in every rank would take several kilobytes each, built from JSON at every start. Here
the first rank of a node reads `index.json` and `manifest.json` once, checks that they and the schedule agree, and
leaves a file of fixed-size records that all ranks and workers map into memory: about 80 bytes a shard, shared.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
import numpy as np
from numpy.typing import NDArray
from streaming.base.format.base.reader import FileInfo
from streaming.base.format.mds import MDSReader
from streaming.base.format.mds.encodings import is_mds_encoding_safe

from common.errors import InputError
from schemas.manifest import Manifest
from schemas.phases import Source
from train.loader.cache.cache_folder import TABLE
from train.loader.cache.download import PART

_REMEDY = "write the dataset again with the dataprep job that made it"
_LONGEST = 255
"""Characters of a shard's name."""
_TAKEN = {TABLE, ""}
"""Names that no shard may have."""
Size = Annotated[int, msgspec.Meta(gt=0, le=1 << 62)]


class _File(msgspec.Struct, gc=False):
    basename: str
    bytes: Size


class _Entry(msgspec.Struct, gc=False):
    """What `index.json` says of a shard; what all shards share stays JSON."""

    version: Literal[2]
    format: Literal["mds"]
    samples: Size
    raw_data: _File
    zip_data: _File | None
    compression: msgspec.Raw
    column_names: msgspec.Raw
    column_encodings: msgspec.Raw
    column_sizes: msgspec.Raw

    @property
    def stored(self) -> _File:
        return self.zip_data or self.raw_data


class _Index(msgspec.Struct):
    shards: Annotated[list[_Entry], msgspec.Meta(min_length=1)]


class Layout(msgspec.Struct, frozen=True):
    """What all shards of a dataset share."""

    compression: str | None
    column_names: list[str]
    column_encodings: list[str]
    column_sizes: list[int | None]


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
    layout: Layout

    @classmethod
    def of(cls, index: bytes, receipts: NDArray[Any], source: Source, place: str) -> Self:
        """Make the table; `place` is where the dataset lies, for messages.

        Args:
            index: the text of `index.json`.
            receipts: as `receipts_of` has them.

        Raises:
            InputError: index, manifest and schedule do not describe the same shards, or a column is unsafe to read.
        """
        try:
            entries = msgspec.json.decode(index, type=_Index).shards
            layout = _layout(entries)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            problem = f"index.json of source '{source.name}' is damaged, or not MDS 2 ({type(error).__name__}: {error})"
            raise InputError(problem, file=place, remedy=_REMEDY) from None
        if layout is None:
            raise InputError(f"index.json of source '{source.name}' mixes layouts", file=place, remedy=_REMEDY)
        for column, encoding in zip(layout.column_names, layout.column_encodings, strict=True):
            if not is_mds_encoding_safe(encoding):
                problem = f"column '{column}' of source '{source.name}' is {encoding}, which runs code when it is read"
                raise InputError(problem, file=place, remedy=_REMEDY)
        _check_names([entry.raw_data.basename for entry in entries], source, place)
        names = _names(entry.raw_data.basename for entry in entries)
        fields = [("samples", "<i8"), ("raw", "<i8"), ("zip", "<i8"), ("digest", "<u8"), ("name", names.dtype)]
        records = np.empty(len(entries), fields)
        records["name"], records["samples"] = names, _numbers(entry.samples for entry in entries)
        records["raw"] = _numbers(entry.raw_data.bytes for entry in entries)
        records["zip"] = _numbers(entry.zip_data.bytes if entry.zip_data else 0 for entry in entries)
        _check_receipts(entries, records, receipts, source, place)
        _check_schedule(records["samples"], source, place)
        records["digest"] = receipts["digest"]
        return cls(records, layout)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def compressed(self) -> bool:
        """Whether the stored files have to be decompressed before they can be read."""
        return self.layout.compression is not None

    @cached_property
    def _ends(self) -> array[int]:
        return array("q", np.cumsum(self.records["samples"]).tobytes())

    def find(self, sample: int) -> tuple[int, int]:
        """Which shard a sample of the dataset lies in, and its place there."""
        if not 0 <= sample < self._ends[-1]:
            raise IndexError(f"sample {sample:,} of {self._ends[-1]:,}")
        shard = bisect_right(self._ends, sample)
        return shard, sample - (self._ends[shard - 1] if shard else 0)

    def save(self, path: Path) -> None:
        """Write the records; who has the file of an earlier loader mapped keeps it as it was."""
        part = path.with_name(f".{path.name}{PART}")
        with part.open("wb") as file:
            np.save(file, self.records)
        part.rename(path)

    @classmethod
    def load(cls, path: Path, layout: Layout) -> Self:
        """Map the records of `save` into memory."""
        return cls(np.load(path, mmap_mode="r"), layout)

    def shard(self, number: int, folder: str, *, in_place: bool) -> Shard:
        """Streaming's reader of shard `number`, whose raw file is in `folder`."""
        record, layout = self.records[number], self.layout
        name = record["name"].decode()
        shard = Shard(
            dirname=folder,
            split="",
            column_encodings=layout.column_encodings,
            column_names=layout.column_names,
            column_sizes=layout.column_sizes,
            compression=layout.compression,
            hashes=[],
            raw_data=FileInfo(basename=name, bytes=int(record["raw"]), hashes={}),
            samples=int(record["samples"]),
            size_limit=None,
            zip_data=FileInfo(_packed(name, layout), int(record["zip"]), {}) if record["zip"] else None,
        )
        shard.number, shard.digest, shard.in_place = number, int(record["digest"]), in_place
        return shard


def receipts_of(manifest: Manifest) -> NDArray[Any]:
    """The manifest's receipts, structured [shards]: name, samples, bytes, digest. A twentieth of the manifest's room.

    Raises:
        InputError: one of them is damaged.
    """
    if not manifest.shards:
        raise InputError("the dataset is empty", remedy=_REMEDY)
    wanted = attrgetter("name", "samples", "bytes", "digest")
    names, samples, sizes, digests = zip(*map(wanted, manifest.shards), strict=True)
    try:
        numbers = np.frombuffer(bytes.fromhex("".join(digest.zfill(16) for digest in digests)), ">u8")
    except ValueError:
        numbers = np.empty(0)
    if len(numbers) != len(digests):
        raise InputError("damaged manifest: a digest is not 16 hex digits", field="shards", remedy=_REMEDY)
    encoded = _names(names)
    fields = [("name", encoded.dtype), ("samples", np.int64), ("bytes", np.int64), ("digest", np.uint64)]
    receipts = np.empty(len(names), fields)
    receipts["name"], receipts["samples"], receipts["bytes"], receipts["digest"] = encoded, samples, sizes, numbers
    return receipts


def _names(names: Iterable[str]) -> NDArray[np.bytes_]:
    return np.array([name.encode() for name in names] or [b""])


def _numbers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, np.int64)


def _packed(name: str, layout: Layout) -> str:
    """The file name of a compressed shard."""
    return f"{name}.{(layout.compression or '').partition(':')[0]}"


def _layout(entries: list[_Entry]) -> Layout | None:
    """What the shards share; None if they do not."""
    found = {}
    for field in Layout.__struct_fields__:
        first, *others = map(attrgetter(field), entries)
        if not all(map(first.__eq__, others)):  # of the same meaning all the same, perhaps
            texts = {bytes(text) for text in others}
            if any(msgspec.json.decode(text) != msgspec.json.decode(first) for text in texts):
                return None
        found[field] = msgspec.json.decode(first)
    layout = msgspec.convert(found, Layout)
    if layout.compression is None:
        return layout if not any(map(attrgetter("zip_data"), entries)) else None
    as_due = (e.zip_data and e.zip_data.basename == _packed(e.raw_data.basename, layout) for e in entries)
    return layout if all(as_due) else None


def _check_names(names: list[str], source: Source, place: str) -> None:
    """A name that comes twice would give its samples twice; one that leads elsewhere would be written there."""
    if len(longest := max(names, key=len)) > _LONGEST:
        problem = f"the name of a shard of source '{source.name}' has {len(longest):,} characters"
        raise InputError(problem, file=place, remedy=_REMEDY)
    joined, distinct = "/".join(names), set(names)
    if len(distinct) == len(names) and not distinct & _TAKEN and joined.count("/") < len(names) and "\0" not in joined:
        return
    seen: set[str] = set()
    for name in names:
        elsewhere = name.startswith("/") or ".." in name.split("/") or "\0" in name
        if name in seen or name in _TAKEN or elsewhere:
            problem = "index.json lists it twice" if name in seen else "no shard may have that name"
            raise InputError(f"shard '{name}' of source '{source.name}': {problem}", file=place, remedy=_REMEDY)
        seen.add(name)


def _check_receipts(
    entries: list[_Entry], records: NDArray[Any], receipts: NDArray[Any], source: Source, place: str
) -> None:
    if len(entries) != len(receipts):
        problem = f"index.json lists {len(entries):,} shards, manifest.json {len(receipts):,}"
    else:
        stored = records["zip"] if records["zip"].any() else records["raw"]
        names = _names(entry.stored.basename for entry in entries)
        same = (receipts["samples"] == records["samples"]) & (receipts["bytes"] == stored) & (receipts["name"] == names)
        if same.all():
            return
        at = int(np.argmin(same))
        found, due = (names[at], records["samples"][at], stored[at]), receipts[["name", "samples", "bytes"]][at]
        problem = f"shard {at:,} is {_described(*found)} in index.json, {_described(*due)} in manifest.json"
    raise InputError(f"index and manifest of source '{source.name}' disagree: {problem}", file=place, remedy=_REMEDY)


def _described(name: bytes, samples: int, size: int) -> str:
    return f"'{name.decode()}' ({samples:,} samples, {size:,} bytes)"


def _check_schedule(samples: NDArray[np.int64], source: Source, place: str) -> None:
    if not np.array_equal(samples, np.repeat(*np.array(source.shards, np.int64).T)):
        raise InputError(
            f"the shards of source '{source.name}' are not those that the schedule was compiled for",
            file=place,
            remedy="compile the schedule again, or point `path` at the dataset that it was compiled for",
        )
