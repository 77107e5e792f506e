"""What a text job would cost, from a sample of its inputs: a thousandth of the bytes, spread over the files."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from dataprep import files
from dataprep.text import inputs
from dataprep.text.config import TextJob
from dataprep.text.read import Document, Reject, documents
from dataprep.tokenizer import encoder, load

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
    documents: int
    tokens: int
    core_hours: float
    """Reading and tokenizing on cores like this one; writing shards comes on top (about a tenth)."""
    samples: int
    shards: int
    rejected: float
    """Share of rows."""
    warning: str | None
    """Why gigatoken cannot be used."""


def estimate(job: TextJob) -> Estimate:
    """Read and tokenize a sample of `job`'s inputs, on this machine, without Spark.

    Raises:
        InputError: a missing input, an unusable tokenizer, a damaged file among the sample.
    """
    spec = load(job.tokenizer, end_of_text=job.end_of_text, pad=job.pad)
    uris = inputs.expand(job)
    sizes = [files.size(uri) for uri in uris]
    chosen = uris[:: -(-len(uris) // MAX_FILES)]
    budget = max(MIN_BYTES, sum(sizes) // SHARE) // len(chosen)
    coder = encoder(spec)
    rows = written = tokens = stored = 0
    seconds, encode, warning = 0.0, None, None
    for uri in chosen:
        length = min(files.size(uri), budget)
        began = time.process_time()
        found = _start_of(uri, length, job)
        texts = [row.text for row in found if isinstance(row, Document)]
        if encode is None and texts:
            encode, warning = coder.choose([text[:2000] for text in texts[:16]])
        tokens += len(texts) + (len(encode(texts)[0]) if encode else 0)
        seconds += time.process_time() - began
        rows, written, stored = rows + len(found), written + len(texts), stored + length
    scale = sum(sizes) / stored if stored else 0.0
    total = round(tokens * scale)
    samples = -(-total // job.seq_len)
    return Estimate(
        files=len(uris),
        bytes=sum(sizes),
        documents=round(written * scale),
        tokens=total,
        core_hours=seconds * scale / 3600,
        samples=samples,
        shards=-(-samples // (job.shard_bytes // (job.seq_len * spec.dtype.itemsize))),
        rejected=1 - written / rows if rows else 0.0,
        warning=warning,
    )


def describe(job: TextJob) -> str:
    """The estimate in a few lines."""
    found = estimate(job)
    lines = [
        f"{found.files:,} files, {found.bytes:,} bytes, to {files.absolute(job.out)}",
        f"about {found.documents:,} documents, {found.tokens:,} tokens; {found.rejected:.2%} of rows rejected",
        f"about {found.samples:,} samples of {job.seq_len:,} in {found.shards:,} shards",
        f"about {found.core_hours:.2g} core-hours",
    ]
    if found.warning:
        lines.append(f"warning: {found.warning}: tokenizers does the work, about ten times slower")
    return "\n".join(lines)


def _start_of(uri: str, length: int, job: TextJob) -> list[Document | Reject]:
    """Rows in the first `length` stored bytes; the row that the cut falls into is left out."""
    whole = length == files.size(uri)
    with tempfile.TemporaryDirectory() as folder, files.open_input(uri) as stream:
        path = Path(folder) / files.basename(uri)
        path.write_bytes(stream.read(length))
        rows = list(documents(str(path), job if whole else job.model_copy(update={"unreadable": "reject"})))
    return rows if whole else rows[:-1]
