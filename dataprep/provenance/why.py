"""Finds the documents behind a sample of a text dataset: it runs the shuffle and the packing backwards.

The provenance index has all it takes: the permutation's key says which window stands at the sample, the parts' token
counts say which inputs the window spans, and the part's document lengths say which documents.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from common.errors import InputError
from dataprep.engine.checksums import Checksums
from dataprep.provenance.token_parts import FOLDER, Index
from dataprep.storage import files
from schemas.order.permutation import permute
from schemas.schema_version import refuse_later


@dataclass(frozen=True)
class Source:
    """A run of a sample's ids, and the document that it is of."""

    start: int
    """First id in the sample."""
    stop: int
    input: str
    line: int
    """Of the input file, from 1."""
    fields: dict[str, str | None]


def why(dataset: str, sample: int) -> list[Source]:
    """The documents behind `sample`, in order; padding belongs to none.

    Raises:
        InputError: not a text dataset, or it has no such sample.
    """
    index, sums = load_index(files.absolute(dataset))
    total = sum(part.tokens for part in index.parts)
    windows = -(-total // index.seq_len)
    if not 0 <= sample < windows:
        raise InputError(f"no sample {sample}", file=dataset, remedy=f"samples are 0 to {windows - 1}")
    window = sample if index.key is None else int(permute(np.array([sample], np.int64), windows, index.key)[0])
    low = window * index.seq_len
    return list(_sources(index, sums, low, min(low + index.seq_len, total)))


def load_index(dataset: str) -> tuple[Index, Checksums]:
    """The provenance index of a text dataset, or of a split below one, and the list that its parts are held against.

    Raises:
        InputError: there is none, it is damaged, or of a later schema.
    """
    parent, _, split = dataset.rpartition("/")
    for root, name in ((dataset, "train"), (parent, split)):
        uri = files.join(root, FOLDER, f"{name}.json")
        if files.exists(uri):
            sums = Checksums.load(root)
            try:
                found = json.loads(sums.read(f"{FOLDER}/{name}.json"))
                return Index.model_validate(found), sums
            except json.JSONDecodeError as error:
                raise InputError(f"not valid JSON ({error})", file=uri) from None
            except ValidationError as error:
                refuse_later("provenance index", found, uri)
                raise InputError(f"damaged provenance index ({error.error_count()} errors)", file=uri) from None
    raise InputError("no provenance index", file=dataset, remedy="name the directory of a text dataset")


def _sources(index: Index, sums: Checksums, low: int, high: int) -> Iterator[Source]:
    start = 0
    for part in index.parts:
        stop = start + part.tokens
        if start < high and low < stop:
            table = pq.read_table(pa.BufferReader(sums.read(part.part)))
            ends = start + np.cumsum(table["tokens"].to_numpy())
            first = int(np.searchsorted(ends, low, "right"))
            last = int(np.searchsorted(ends, high, "left"))
            begin = start if first == 0 else int(ends[first - 1])
            for row in table.slice(first, last - first + 1).to_pylist():
                end = begin + row.pop("tokens")
                yield Source(max(begin, low) - low, min(end, high) - low, part.input, row.pop("line"), row)
                begin = end
        start = stop
