"""Makes a dataset's table of shards out of `index.json` and `manifest.json`, which must agree with the schedule.

A large dataset has a hundred thousand shards and more: both files are read straight into fields, and compared as
arrays. Only what does not agree is looked at one by one, to say where.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from streaming.base.format.mds.encodings import is_mds_encoding_safe

from common.errors import InputError
from schemas.manifest import Manifest
from schemas.phases import Source
from train.loader.cache.cache_folder import TABLE
from train.loader.sources.shard_table import Layout, ShardTable

_REMEDY = "write the dataset again with the dataprep job that made it"
_LONGEST = 255
"""Characters of a shard's name."""
_TAKEN = {TABLE, ""}
"""Names that no shard may have."""
_Size = Annotated[int, msgspec.Meta(gt=0, le=1 << 62)]


class _File(msgspec.Struct, gc=False):
    basename: str
    bytes: _Size


class _Entry(msgspec.Struct, gc=False):
    """Holds what `index.json` says of a shard; what all shards share stays JSON."""

    version: Literal[2]
    format: Literal["mds"]
    samples: _Size
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


def make_table(index: bytes, receipts: NDArray[Any], source: Source, place: str) -> ShardTable:
    """Make the table of the dataset that lies at `place`.

    Args:
        index: the text of `index.json`.
        receipts: as `receipts_of` has them.
        source: what the schedule says of the dataset.
        place: for messages.

    Raises:
        InputError: index, manifest and schedule do not describe the same shards, or a column is unsafe to read.
    """

    def refused(problem: str) -> InputError:
        return InputError(problem, file=place, remedy=_REMEDY)

    try:
        entries = msgspec.json.decode(index, type=_Index).shards
        layout = _layout(entries)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise refused(f"index.json of source '{source.name}' is damaged, or not MDS 2 ({what})") from None
    if layout is None:
        raise refused(f"index.json of source '{source.name}' mixes layouts")
    for column, encoding in zip(layout.column_names, layout.column_encodings, strict=False):
        if not is_mds_encoding_safe(encoding):
            problem = f"column '{column}' of source '{source.name}' is {encoding}, which runs code when it is read"
            raise refused(problem)
    names = [entry.raw_data.basename for entry in entries]
    if (fault := _fault_of(names)) is not None:
        raise refused(f"shard '{fault[0][:_LONGEST]}' of source '{source.name}': {fault[1]}")
    encoded = _encoded(names)
    fields = [("samples", "<i8"), ("raw", "<i8"), ("zip", "<i8"), ("digest", "<u8"), ("name", encoded.dtype)]
    records = np.empty(len(entries), fields)
    records["name"], records["samples"] = encoded, _numbers(entry.samples for entry in entries)
    records["raw"] = _numbers(entry.raw_data.bytes for entry in entries)
    records["zip"] = _numbers(entry.zip_data.bytes if entry.zip_data else 0 for entry in entries)
    if (differs := _difference(entries, records, receipts)) is not None:
        raise refused(f"index and manifest of source '{source.name}' disagree: {differs}")
    if not np.array_equal(records["samples"], np.repeat(*np.array(source.shards, np.int64).T)):
        raise InputError(
            f"the shards of source '{source.name}' are not those that the schedule was compiled for",
            file=place,
            remedy="compile the schedule again, or point `path` at the dataset that it was compiled for",
        )
    records["digest"] = receipts["digest"]
    return ShardTable(records, layout)


def receipts_of(manifest: Manifest) -> NDArray[Any]:
    """The manifest's receipts, structured [shards]: name, samples, bytes, digest. A twentieth of the manifest's room.

    Raises:
        InputError: there are none, or one of them is damaged.
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
    encoded = _encoded(names)
    fields = [("name", encoded.dtype), ("samples", np.int64), ("bytes", np.int64), ("digest", np.uint64)]
    receipts = np.empty(len(names), fields)
    receipts["name"], receipts["samples"], receipts["bytes"], receipts["digest"] = encoded, samples, sizes, numbers
    return receipts


def _encoded(names: Iterable[str]) -> NDArray[np.bytes_]:
    return np.array([name.encode() for name in names])


def _numbers(values: Iterable[int]) -> NDArray[np.int64]:
    return np.fromiter(values, np.int64)


def _layout(entries: list[_Entry]) -> Layout | None:
    """Returns what the shards share; None if they do not."""
    found = {}
    for field in Layout.__struct_fields__:
        texts = set(map(bytes, map(attrgetter(field), entries)))
        found[field], *others = map(msgspec.json.decode, texts)
        if any(other != found[field] for other in others):
            return None
    layout = msgspec.convert(found, Layout)
    if len({len(layout.column_names), len(layout.column_encodings), len(layout.column_sizes)}) != 1:
        return None
    if layout.compression is None:
        return None if any(map(attrgetter("zip_data"), entries)) else layout
    due = (e.zip_data and e.zip_data.basename == layout.stored_name(e.raw_data.basename) for e in entries)
    return layout if all(due) else None


def _fault_of(names: list[str]) -> tuple[str, str] | None:
    """A name that no shard may have: that of another, whose samples would come twice, or one that leads elsewhere."""
    joined, distinct = "/".join(names), set(names)
    plain = joined.count("/") < len(names) and "\0" not in joined and len(max(names, key=len)) <= _LONGEST
    if plain and len(distinct) == len(names) and not distinct & _TAKEN:
        return None
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name, "index.json lists it twice"
        if name in _TAKEN or name.startswith("/") or ".." in name.split("/") or "\0" in name or len(name) > _LONGEST:
            return name, "no shard may have that name"
        seen.add(name)
    return None


def _difference(entries: list[_Entry], records: NDArray[Any], receipts: NDArray[Any]) -> str | None:
    """Where index and manifest part, in the words of a message."""
    if len(entries) != len(receipts):
        return f"index.json lists {len(entries):,} shards, manifest.json {len(receipts):,}"
    stored = records["zip"] if records["zip"].any() else records["raw"]
    names = _encoded(entry.stored.basename for entry in entries)
    same = (receipts["samples"] == records["samples"]) & (receipts["bytes"] == stored) & (receipts["name"] == names)
    if same.all():
        return None
    at = int(np.argmin(same))
    found, due = (names[at], records["samples"][at], stored[at]), receipts[["name", "samples", "bytes"]][at]
    return f"shard {at:,} is {_described(*found)} in index.json, {_described(*due)} in manifest.json"


def _described(name: bytes, samples: int, size: int) -> str:
    return f"'{name.decode()}' ({samples:,} samples, {size:,} bytes)"
