"""Turns the documents of one input file into a flat file of ids, one task per file: the first stage.

Every document is followed by the end-of-text id. The task also leaves the provenance of each document (Parquet) and its
rejects (JSON lines); what it counted goes into its receipt. Documents are encoded in batches of a few megabytes, so a
task's memory does not grow with its file.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from common import atomic_files
from dataprep.engine.paths import STAGING
from dataprep.engine.rejects import Reject, Rejects, part_file
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.provenance import token_parts
from dataprep.text import left_out
from dataprep.text.config import TextJob
from dataprep.text.inputs import Input
from dataprep.text.length_bins import EDGES, counted
from dataprep.text.read import Document, at, documents
from dataprep.tokens.encoder import Encode, encoder
from dataprep.tokens.tokenizer import TokenizerSpec

STAGE = "tokenize"
BATCH = 4 << 20
"""Characters of text encoded at a time."""
CHECKED = 32 << 10
"""Characters of an input, at most, on which gigatoken is compared with `tokenizers`."""
CHECKED_SHARE, CHECKED_LEAST = 16, 1 << 10
"""Of small inputs a sixteenth is compared, and so many characters at least: `tokenizers` is the slower by far."""


def token_file(split: str, number: int) -> str:
    """Name of the flat id file of input `number`, below the dataset's root."""
    return f"{STAGING}/tokens/{split}.{number:06}.bin"


def splits(job: TextJob) -> list[str]:
    """`train`, and `held_out` where the job holds documents out."""
    return ["train", "held_out"] if job.held_out else ["train"]


def tokenize(payload: Input, scratch: Scratch, *, job: TextJob, spec: TokenizerSpec) -> Receipt:
    """Encode one input file. The receipt has: rows, tokens, characters, lengths, rejected, warning, splits."""
    coder, encode, warning = encoder(spec), None, None
    dropped = left_out.dropped(scratch.out, payload.number) if job.selects else {}
    rows = characters = 0
    with ExitStack() as open_files:
        sinks = {name: _Sink(name, payload, scratch, job, spec, open_files) for name in splits(job)}
        rejects = Rejects(payload.uri)
        for batch in _batches(payload.uri, job):
            rows += len(batch)
            kept = []
            for row in batch:
                if isinstance(row, Reject):
                    rejects.add(row.line, row.reason, row.detail)
                elif dropped and (reason := dropped.get(row.line)) is not None:
                    rejects.counts[reason] += 1
                else:
                    kept.append(row)
            if not kept:
                continue
            characters += sum([len(row.text) for row in kept])
            if encode is None:
                encode, warning = coder.choose(_sample([row.text for row in kept]))
            for name, chosen in _by_split(kept, job).items():
                sinks[name].add(chosen, encode)
    rejects.publish(scratch, part_file(payload.number, digits=6))
    for sink in sinks.values():
        sink.publish()
    return {
        "rows": rows,
        "tokens": sum(sink.tokens for sink in sinks.values()),
        "characters": characters,
        "lengths": np.sum([sink.lengths for sink in sinks.values()], axis=0).tolist(),
        "rejected": rejects.counts,
        "warning": warning,
        "splits": {name: {"documents": sink.documents, "tokens": sink.tokens} for name, sink in sinks.items()},
    }


class _Sink:
    """The files of one split of one input."""

    def __init__(
        self, split: str, payload: Input, scratch: Scratch, job: TextJob, spec: TokenizerSpec, stack: ExitStack
    ) -> None:
        self.split, self.payload, self.scratch = split, payload, scratch
        self.dtype, self.end = spec.dtype, spec.identity.end_of_text_id
        self.paths = [field.split(".") for field in job.provenance]
        self.documents = self.tokens = 0
        self.lengths = np.zeros(len(EDGES), np.int64)
        self.ids_path, self.provenance_path = scratch.path(f"{split}.bin"), scratch.path(f"{split}.parquet")
        self.ids = stack.enter_context(self.ids_path.open("wb", buffering=0))
        self.digest = xxhash.xxh3_64()
        self.provenance = stack.enter_context(token_parts.Writer(self.provenance_path, job.provenance))

    def add(self, chosen: list[Document], encode: Encode) -> None:
        ids, lengths = encode([row.text for row in chosen])
        joined = terminated(ids, lengths, self.end, self.dtype)
        self.digest.update(joined.data)
        atomic_files.write_all(self.ids, joined.data)
        self.provenance.add([row.line for row in chosen], lengths + 1, [_field(chosen, path) for path in self.paths])
        self.lengths += counted(lengths + 1)
        self.documents += len(chosen)
        self.tokens += len(ids) + len(chosen)

    def publish(self) -> None:
        name = token_file(self.split, self.payload.number)
        self.scratch.publish_intermediate(self.ids_path, name, self.digest.hexdigest())
        self.scratch.publish(self.provenance_path, token_parts.part_file(self.split, self.payload.number))


def terminated(
    ids: npt.NDArray[np.uint32], lengths: npt.NDArray[np.int64], end: int, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    """Documents of `lengths` ids each, with the id `end` after every one: shape (len(ids) + len(lengths),)."""
    ends = np.cumsum(lengths + 1) - 1
    joined = np.empty(len(ids) + len(lengths), dtype)
    body = np.ones(len(joined), bool)
    body[ends] = False
    joined[body] = ids
    joined[ends] = end
    return joined


def _batches(uri: str, job: TextJob) -> Iterator[list[Document | Reject]]:
    batch: list[Document | Reject] = []
    characters = 0
    for row in documents(uri, job):
        batch.append(row)
        characters += len(row.text) if isinstance(row, Document) else 100
        if characters >= BATCH:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _by_split(rows: list[Document], job: TextJob) -> dict[str, list[Document]]:
    """Held-out documents are chosen by a keyed hash of their text: copies of a text never fall on both sides."""
    if not job.held_out:
        return {"train": rows}
    limit = int(job.held_out * 2.0**64)
    sides: dict[str, list[Document]] = {"train": [], "held_out": []}
    for row in rows:
        held = xxhash.xxh3_64_intdigest(row.text.encode(), seed=job.seed & (1 << 64) - 1) < limit
        sides["held_out" if held else "train"].append(row)
    return {name: chosen for name, chosen in sides.items() if chosen}


def _sample(texts: list[str]) -> list[str]:
    """Starts of documents, spread over the batch: see `CHECKED`."""
    characters = min(CHECKED, max(CHECKED_LEAST, sum(map(len, texts)) // CHECKED_SHARE))
    step = max(1, len(texts) // 16)
    chosen = texts[::step]
    return [text[: characters // len(chosen)] for text in chosen]


def _field(rows: list[Document], path: list[str]) -> list[str | None]:
    """A provenance field of each row; None for what is absent or not a string."""
    first, *rest = path
    values = [row.row.get(first) for row in rows]
    if rest:
        values = [at(value, rest) for value in values]
    return [value if isinstance(value, str) else None for value in values]
