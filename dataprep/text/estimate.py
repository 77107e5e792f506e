"""Estimates the cost of a text job from a sample of its inputs: a thousandth of the bytes, spread over the files."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import xxhash

from common.errors import InputError
from dataprep.engine.nothing_written import REMEDIES
from dataprep.engine.rejects import Reject
from dataprep.storage import files
from dataprep.text import file_kind, inputs
from dataprep.text.config import TextJob
from dataprep.text.read import Document, documents
from dataprep.text.selection import evaluation_sets, minhash
from dataprep.tokens.encoder import encoder
from dataprep.tokens.tokenizer import load

SHARE = 1000
MIN_BYTES = 8 << 20
"""Stored bytes that are read at least, where there are so many."""
MAX_FILES = 32


@dataclass(frozen=True)
class Estimate:
    """The job in numbers."""

    files: int
    bytes: int
    """Of the inputs, as stored."""
    sampled: int
    """Of these bytes, how many were read for the estimate."""
    documents: int
    tokens: int
    """Of all documents: how many `where`, duplicates and evaluation sets leave out, a sample cannot tell."""
    read_hours: float
    """Core-hours for reading and tokenizing on cores like this one; writing shards comes on top (about a tenth)."""
    choose_hours: float
    """Core-hours for the pass that chooses documents (reading, hashes, MinHash, n-grams), without Spark's shuffle."""
    id_bytes: int
    """Of one id."""
    samples: int
    shards: int
    rejected: float
    """Share of rows."""
    warning: str | None
    """Why gigatoken cannot be used."""


def estimate(job: TextJob) -> Estimate:
    """Read and tokenize a sample of `job`'s inputs, on this machine, without Spark.

    Raises:
        InputError: a missing input, an unusable tokenizer or evaluation set, a damaged file among the sample, or a
            sample without a single document.
    """
    spec = load(job.tokenizer, end_of_text=job.end_of_text, pad=job.pad)
    uris = inputs.expand(job)
    with ThreadPoolExecutor(32) as pool:
        list(pool.map(file_kind.check, uris))
        sizes = list(pool.map(files.size, uris))
    chosen = uris[:: -(-len(uris) // MAX_FILES)]
    budget = max(MIN_BYTES, sum(sizes) // SHARE) // len(chosen)
    coder = encoder(spec)
    rows = written = tokens = stored = 0
    reasons = Counter[str]()
    reading = coding = choosing = 0.0
    encode, warning = None, None
    with tempfile.TemporaryDirectory() as folder:
        search = evaluation_sets.publish(job.decontaminate, folder) if job.decontaminate else None
        for uri in chosen:
            length = min(files.size(uri), budget)
            began = time.process_time()
            found = _start_of(uri, length, job)
            texts = [row.text for row in found if isinstance(row, Document)]
            reading += time.process_time() - began
            if encode is None and texts:
                encode, warning = coder.choose([text[:2000] for text in texts[:16]])
            began = time.process_time()
            tokens += len(texts) + (len(encode(texts)[0]) if encode else 0)
            coding += time.process_time() - began
            if job.selects:
                began = time.process_time()
                _choose(texts, job, search)
                choosing += time.process_time() - began
            reasons.update(row.reason for row in found if isinstance(row, Reject))
            rows, written, stored = rows + len(found), written + len(texts), stored + length
    if rows and not written:
        shown = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common(3))
        remedy = REMEDIES.get(reasons.most_common(1)[0][0], "look at its first rows")
        raise InputError(
            f"nothing would be written: all rows of a sample rejected: {shown}", file=chosen[0], remedy=remedy
        )
    scale = sum(sizes) / stored if stored else 0.0
    total = round(tokens * scale)
    samples = -(-total // job.seq_len)
    return Estimate(
        files=len(uris),
        bytes=sum(sizes),
        sampled=stored,
        documents=round(written * scale),
        tokens=total,
        read_hours=(reading + coding) * scale / 3600,
        choose_hours=(reading + choosing) * scale / 3600 if job.selects else 0.0,
        id_bytes=spec.dtype.itemsize,
        samples=samples,
        shards=-(-samples // (job.shard_bytes // (job.seq_len * spec.dtype.itemsize))),
        rejected=1 - written / rows if rows else 0.0,
        warning=warning,
    )


def describe(job: TextJob) -> str:
    """The estimate in a few lines."""
    return "\n".join(_lines(job, estimate(job)))


def _lines(job: TextJob, found: Estimate) -> Iterator[str]:
    ids = found.samples * job.seq_len * found.id_bytes
    yield f"reads {found.files:,} files, {_size(found.bytes)}{' twice' if job.selects else ''}"
    yield (
        f"about {found.documents:,} documents, {found.tokens:,} tokens; {found.rejected:.2%} of rows rejected "
        f"(from a sample of {_size(found.sampled)}, {found.sampled / max(found.bytes, 1):.1%})"
    )
    rules = {
        "where": job.where,
        "decontaminate": job.decontaminate,
        "deduplicate": job.deduplicate,
        "near_duplicates": job.near_duplicates,
    }
    if chosen := ", ".join(name for name, on in rules.items() if on):
        yield f"{chosen}: what they leave out is not known before the run; the figures below are for all documents"
    if job.near_duplicates:
        yield f"near-duplicates: pairs of a similarity of {job.near_duplicates.threshold:.2f} are as likely met as not"
    yield (
        f"about {found.samples:,} samples of {job.seq_len:,} in {found.shards:,} shards, {_size(ids)} of ids before "
        f"compression, and as much beside them until the job is done, to {job.out}"
    )
    choose = f" and {_hours(found.choose_hours)} to choose documents" if job.selects else ""
    yield f"about {_hours(found.read_hours)} to tokenize{choose}, on cores like this one"
    if job.decontaminate:
        yield from (f"warning: {warning}" for warning in evaluation_sets.short(job.decontaminate))
    if found.warning:
        yield f"warning: {found.warning}: tokenizers does the work, about ten times slower"


def _choose(texts: list[str], job: TextJob, search: evaluation_sets.Search | None) -> None:
    """The work of the survey on `texts`."""
    for text in texts:
        xxhash.xxh3_128_digest(text.encode())
    if near := job.near_duplicates:
        minhash.bands(texts, n=near.ngram, bands=near.bands, rows=near.rows)
    if search:
        evaluation_sets.matches(texts, search)


def _size(count: int) -> str:
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count} bytes"


def _hours(hours: float) -> str:
    if hours >= 1:
        return f"{hours:,.1f} core-hours"
    return f"{hours * 60:.1f} core-minutes" if hours * 60 >= 1 else f"{hours * 3600:.1f} core-seconds"


def _start_of(uri: str, length: int, job: TextJob) -> list[Document | Reject]:
    """Rows in the first `length` stored bytes; the row that the cut falls into is left out."""
    whole = length == files.size(uri)
    with tempfile.TemporaryDirectory() as folder, files.open_input(uri) as stream:
        path = Path(folder) / files.basename(uri)
        path.write_bytes(stream.read(length))
        rows = list(documents(str(path), job if whole else job.model_copy(update={"unreadable": "reject"})))
    return rows if whole else rows[:-1]
