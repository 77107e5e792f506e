"""Collects the n-grams of evaluation sets to search documents for: one sorted table, made once by the driver.

The table (hash of a run of words, item) and the items (set, file, line) lie in the staging area under the digest of
their content, so that every attempt of every run searches for the same; the sets' files are in the plan by digest, so
that a changed set is a changed plan. Ten million n-grams take 250 MB in each Python process.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from common.errors import InputError
from dataprep.engine.paths import STAGING, TEMPORARY
from dataprep.storage import files, fingerprint, foreign_parquet, globs, json_value
from dataprep.storage.lines import BLOCK, BROKEN, opened
from dataprep.text import file_kind
from dataprep.text.config import Decontamination, EvaluationSet
from dataprep.text.read import at
from dataprep.text.selection.ngrams import Hashes, ngrams

FOLDER = f"{STAGING}/evaluation"
BATCH = 4096
"""Texts hashed at a time."""


@dataclass(frozen=True)
class Search:
    """Holds what tasks search for."""

    ngram: int
    """Words in a run."""
    table: str
    """URI of the table."""
    items: str
    """URI of the items."""


def describe(settings: Decontamination | None) -> list[dict[str, Any]]:
    """The sets' files with their digests, for the plan.

    Raises:
        InputError: a pattern that matches nothing, or a file that cannot be read.
    """
    uris = [(one.name, uri) for one in (settings.sets if settings else []) for uri in globs.expand(one.files)]
    return [{"set": name, "path": uri, "digest": fingerprint.digest(uri)} for name, uri in uris]


def publish(settings: Decontamination, out: str) -> Search:
    """Read the sets and publish what to search for.

    Raises:
        InputError: a row that holds no text, or a set without a single n-gram.
    """
    hashes, owners, places = list[Hashes](), list[npt.NDArray[np.int32]](), list[dict[str, Any]]()
    for one in settings.sets:
        texts, items = list[str](), list[int]()
        for uri in globs.expand(one.files):
            for line, row in _rows(uri):
                found = _texts(row, one, uri, line)
                texts += found
                items += [len(places)] * len(found)
                places.append({"set": one.name, "file": uri, "line": line})
        before = len(hashes)
        for low in range(0, len(texts), BATCH):
            grams = ngrams(texts[low : low + BATCH], settings.ngram)
            long = grams.words >= settings.ngram
            hashes.append(grams.hashes[np.repeat(long, grams.counts)])
            owners.append(np.repeat(np.array(items[low : low + BATCH], np.int32)[long], grams.counts[long]))
        if not sum(map(len, hashes[before:])):
            raise InputError(
                f"evaluation set {one.name!r}: none of its {len(texts):,} texts has {settings.ngram} words",
                field="decontaminate.ngram",
                remedy="use a smaller `ngram`, or leave the set out",
            )
    # Of items that share an n-gram the first is named: unique() gives the first of equals.
    unique, first = np.unique(np.concatenate(hashes), return_index=True)
    table = _put(out, "ngrams", pa.table({"hash": unique, "item": np.concatenate(owners)[first]}))
    return Search(settings.ngram, table, _put(out, "items", pa.Table.from_pylist(places)))


def short(settings: Decontamination) -> list[str]:
    """A warning for each set of which some items cannot be searched for, being too short."""
    warnings = []
    for one in settings.sets:
        rows = [(uri, line, row) for uri in globs.expand(one.files) for line, row in _rows(uri)]
        longest = [int(ngrams(_texts(row, one, uri, line), settings.ngram).words.max()) for uri, line, row in rows]
        if few := sum(words < settings.ngram for words in longest):
            warnings.append(
                f"evaluation set {one.name}: {few:,} of {len(rows):,} items have no text of {settings.ngram} words "
                "and were not searched for"
            )
    return warnings


def matches(texts: Sequence[str], search: Search) -> list[int | None]:
    """The first evaluation item that shares a run of words with each text, by number; None where none does."""
    table, none = _table(search.table), np.iinfo(np.int32).max
    grams = ngrams(texts, search.ngram)
    found = np.full(len(grams.hashes), none, np.int32)
    likely = np.flatnonzero(table.prefixes[grams.hashes >> table.shift])
    place = np.minimum(np.searchsorted(table.hashes, grams.hashes[likely]), len(table.hashes) - 1)
    found[likely] = np.where(table.hashes[place] == grams.hashes[likely], table.items[place], none)
    some = np.flatnonzero(grams.counts)
    least = np.minimum.reduceat(found, grams.starts[some]) if len(some) else found
    answers: list[int | None] = [None] * len(texts)
    for hit in np.flatnonzero(least != none).tolist():
        answers[int(some[hit])] = int(least[hit])
    return answers


@functools.lru_cache(maxsize=1)
def items(uri: str) -> list[dict[str, Any]]:
    """The items by number: set, file, line."""
    with files.open_input(uri) as stream:
        found: list[dict[str, Any]] = pq.read_table(stream).to_pylist()
    return found


@dataclass(frozen=True)
class _Table:
    hashes: Hashes
    """In order, each once."""
    items: npt.NDArray[np.int32]
    prefixes: npt.NDArray[np.bool_]
    """Which leading bits occur: one look instead of a binary search for nearly all n-grams."""
    shift: np.uint64
    """Bits that are no prefix."""


@functools.lru_cache(maxsize=1)
def _table(uri: str) -> _Table:
    with files.open_input(uri) as stream:
        table = pq.read_table(stream)
    hashes, items = table["hash"].to_numpy(), table["item"].to_numpy()
    bits = min(27, (16 * len(hashes)).bit_length())
    prefixes, shift = np.zeros(1 << bits, np.bool_), np.uint64(64 - bits)
    prefixes[hashes >> shift] = True
    return _Table(hashes, items, prefixes, shift)


def _put(out: str, name: str, table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data = bytes(sink.getvalue())
    uri = files.join(out, FOLDER, f"{name}.{xxhash.xxh3_64_hexdigest(data)}.parquet")
    files.publish_bytes(data, uri, temporary=files.join(out, TEMPORARY))
    return uri


def _rows(uri: str) -> Iterator[tuple[int, Any]]:
    """Line and value of every row. A hole in the search must not go unseen: what cannot be read is an error."""
    file_kind.check(uri)
    kind = file_kind.of(uri)
    try:
        with opened(uri, kind.codec) as stream:
            if kind.parquet:
                tables = foreign_parquet.batches(foreign_parquet.opened(stream), BATCH)
                yield from enumerate((row for batch in tables for row in batch.to_pylist()), 1)
                return
            data = b"".join(iter(lambda: bytes(stream.read(BLOCK)), b""))
    except BROKEN as error:
        raise InputError(f"cannot be read ({str(error).splitlines()[0]})", file=uri, remedy="fetch it again") from None
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        try:
            if line.strip():
                yield number, json_value.mended_loads(line)
        except orjson.JSONDecodeError as error:
            raise InputError(f"not JSON ({error})", file=uri, line=number, remedy="write an object a line") from None


def _texts(row: Any, one: EvaluationSet, uri: str, line: int) -> list[str]:
    values = [at(row, field.split(".")) for field in one.fields]
    texts = [text for value in values for text in (value if isinstance(value, list) else [value])]
    if not (found := [text for text in texts if isinstance(text, str)]):
        raise InputError(
            f"none of {', '.join(one.fields)} holds text",
            file=uri,
            line=line,
            field=f"decontaminate: {one.name}",
            remedy="name the fields that hold the questions and answers",
        )
    return found
