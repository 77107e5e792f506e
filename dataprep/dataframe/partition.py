"""Writes one partition of a DataFrame as shards: rows in the order of their keys, each followed by the end of text.

The ids go into a flat local file first; windows of `seq_len` are cut from it as the text job does, and the last one is
padded. Files have names that no other attempt has (`shard.NNNNN.RUN-ATTEMPT.mds`): an attempt has written all it has to
before Spark decides whether it counts, and may be one of two.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql.datasource import WriterCommitMessage

from common import atomic_files
from common.errors import InputError
from dataprep.dataframe.documents import document, values
from dataprep.dataframe.options import Target
from dataprep.engine.paths import STAGING
from dataprep.engine.rejects import FOLDER, RejectError, Rejects
from dataprep.engine.task_workspace import Scratch
from dataprep.mds.shard import write_rows
from dataprep.storage import files
from dataprep.text.shards import pieces
from dataprep.text.token_stream import TokenStream, Windows, shard_bounds
from dataprep.text.tokenize import terminated
from dataprep.tokens.encoder import encoder
from schemas.manifest import ShardReceipt

SHARDS = 1000
"""Shards that a partition may have: numbers of shards are PARTITION x 1000 + n."""
_CHECKED = 16
"""Documents of a batch on which gigatoken is compared with tokenizers."""
Key = tuple[Any, ...]


@dataclass
class Written(WriterCommitMessage):
    """The receipt of a partition, as Spark brings it to the driver."""

    partition: int
    first: Key | None = None
    last: Key | None = None
    """Keys of its rows; None where it has none."""
    rows: int = 0
    written: int = 0
    ids: int = 0
    """Of documents, ends of text included."""
    padding: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    shards: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    """For the index and for the manifest."""
    digests: dict[str, str] = field(default_factory=dict)
    """Of its files, by name below the dataset's root."""
    named: str | None = None
    """The list of its rejects, below the dataset's root."""


def working_directory(target: Target) -> str:
    """Where a write keeps files in the making if its path is on a disk, below that path."""
    return f"{STAGING}/mds-{target.run}"


def write(batches: Iterator[pa.RecordBatch], target: Target, partition: int, attempt: str) -> Written:
    """Writes the rows of one attempt and publishes its files.

    Raises:
        InputError: rows are not in the order of their keys, or a key comes twice.
    """
    out = target.options.path
    parent = files.join(out, working_directory(target)) if files.is_local(out) else None
    if parent:
        Path(parent).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent) as directory:
        scratch = Scratch(out, Path(directory))
        receipt = _Partition(target, partition, f"{target.run}-{attempt}").write(batches, scratch)
        files.flush(scratch.unflushed)
    receipt.digests = dict(scratch.published)
    return receipt


class _Partition:
    """One attempt at a partition."""

    def __init__(self, target: Target, partition: int, token: str) -> None:
        self.target, self.token = target, token
        self.receipt, self.rejects = Written(partition), Rejects()
        self.coder = encoder(target.spec)

    def write(self, batches: Iterator[pa.RecordBatch], scratch: Scratch) -> Written:
        target, receipt, local = self.target, self.receipt, scratch.path("ids.bin")
        with local.open("wb", buffering=0) as sink:
            for batch in batches:
                atomic_files.write_all(sink, self._batch(batch).data)
        receipt.rejected = dict(self.rejects.counts)
        if self.rejects.counts:
            receipt.named = f"{FOLDER}/{receipt.partition:05}.{self.token}.jsonl"
            self.rejects.publish(scratch, receipt.named)
        stream = TokenStream((str(local),), (receipt.ids,), target.spec.dtype.name)
        windows = Windows(stream, target.options.seq_len, target.spec.identity.pad_id, None)
        if not windows.count:
            return receipt
        receipt.padding = windows.padding
        bounds = shard_bounds(windows.count, target.per_shard).tolist()
        if len(bounds) > SHARDS + 1:
            problem = f"partition {receipt.partition} would have {len(bounds) - 1:,} shards, and {SHARDS:,} is the most"
            raise InputError(problem, remedy="use more partitions or a larger `shard_bytes`")
        for number, (low, high) in enumerate(pairwise(bounds)):
            self._shard(receipt.partition * SHARDS + number, windows, low, high, scratch)
        return receipt

    def _shard(self, number: int, windows: Windows, low: int, high: int, scratch: Scratch) -> None:
        made = scratch.path("shard.mds")
        stored = write_rows(self.target.layout, number, high - low, pieces(windows, low, high), made)
        for about in filter(None, (stored.entry["raw_data"], stored.entry["zip_data"])):
            about["basename"] = about["basename"].replace(".mds", f".{self.token}.mds")
        scratch.publish(made, stored.basename, stored.digest)
        about = ShardReceipt(name=stored.basename, samples=high - low, bytes=stored.bytes, digest=stored.digest)
        self.receipt.shards.append((stored.entry, about.model_dump()))

    def _batch(self, batch: pa.RecordBatch) -> npt.NDArray[Any]:
        """The ids of the good rows of `batch`, ends of text included."""
        target, receipt = self.target, self.receipt
        columns = [batch.column(name).to_pylist() for name in target.keys]
        good = []
        for key, value in zip(zip(*columns, strict=True), values(batch.column(target.column), target), strict=True):
            self._in_order(key)
            try:
                good.append(document(value, target))
            except RejectError as refused:
                self.rejects.add(_shown(key), refused.reason, refused.detail)
        receipt.rows += batch.num_rows
        receipt.written += len(good)
        if target.kind == "text":
            ids, lengths = self._encoded(good)
        else:
            lengths = np.fromiter(map(len, good), np.int64, len(good))
            ids = np.concatenate([np.empty(0, np.uint32), *good])
        receipt.ids += len(ids) + len(good)
        return terminated(ids, lengths, target.spec.identity.end_of_text_id, target.spec.dtype)

    def _in_order(self, key: Key) -> None:
        receipt = self.receipt
        if None in key:
            raise InputError(
                f"a row has no {' and '.join(self.target.keys)}", field="key", remedy="leave such rows out"
            )
        if receipt.last is not None and not receipt.last < key:
            raise out_of_order(self.target, receipt.last, key)
        receipt.first, receipt.last = receipt.first or key, key

    def _encoded(self, texts: list[str]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
        if not texts:
            return np.empty(0, np.uint32), np.empty(0, np.int64)
        encode, warning = self.coder.choose(texts[:: max(1, len(texts) // _CHECKED)])
        if warning and warning not in self.receipt.warnings:
            self.receipt.warnings.append(warning)
        return encode(texts)


def out_of_order(target: Target, before: Key, key: Key) -> InputError:
    """The error where `key` does not come after the key `before`."""
    what = "comes twice" if before == key else f"comes after {_shown(before)}"
    names = ", ".join(repr(name) for name in target.keys)
    remedy = "leave all but one out" if before == key else f"sort it first: df.orderBy({names})"
    return InputError(f"{', '.join(target.keys)} {_shown(key)} {what}", field="key", remedy=remedy)


def _shown(key: Key) -> str:
    return ", ".join(str(part) for part in key)
