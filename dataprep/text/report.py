"""Writes `report.html` beside the manifest: what a person wants to see of a text dataset before training on it.

Where every row went, how long documents are, what was left out and for what, and windows as a model will read them,
each with the documents it is made of. The page is a function of the dataset: no dates and no run times, so that it is
byte-identical however often the job was interrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import orjson
import pyarrow.parquet as pq
from matplotlib.figure import Figure

from common.html import page
from common.html.figure import COLOURS, svg
from dataprep.engine.rejects import part_file
from dataprep.engine.tasks import Receipt
from dataprep.provenance.why import why
from dataprep.storage import files
from dataprep.text import left_out, length_bins
from dataprep.text.config import TextJob
from dataprep.text.shards import SplitShards
from dataprep.tokens.encoder import reference
from dataprep.tokens.tokenizer import TokenizerSpec
from schemas.manifest import Manifest

NAME = "report.html"
SAMPLES = 8
"""Windows shown."""
CHARACTERS = 1200
"""Of a window's text shown, from its beginning."""
EXAMPLES = 5
"""Rejects shown for each reason."""
SEARCHED = 64
"""Inputs whose reject lists are searched for examples."""
_MEANS = {
    "where": "the predicate is not true",
    "duplicate": "the same text as an earlier document",
    "near_duplicate": "nearly the same text as an earlier document",
    "held_out": "in the dataset held_out",
}


def html(
    job: TextJob,
    spec: TokenizerSpec,
    manifests: Mapping[str, Manifest],
    shards: SplitShards,
    tokenized: Sequence[Receipt],
    out: str,
) -> bytes:
    """The page.

    Args:
        manifests: by split, `train` among them.
        shards: of `train`, whose token files and provenance are still in place.
        tokenized: receipts of the inputs, in plan order.
    """
    train = manifests["train"]
    counts = np.sum([receipt["lengths"] for receipt in tokenized], axis=0).tolist()
    uris = [one.path for one in train.inputs]
    parts = [
        page.verdict(
            f"{train.rows.read:,} rows read, {train.rows.written:,} written, "
            f"{sum(train.rows.rejected.values()):,} elsewhere for a stated reason, 0 unaccounted for.",
            good=not train.warnings,
        ),
        *(page.note(f"Warning: {warning}") for warning in train.warnings),
        page.table(["dataset", "documents", "tokens", "samples", "shards", "padding"], map(_sizes, manifests.items())),
        page.heading("Where every row went"),
        page.table(["", "rows", "share", "meaning"], _ways(train)),
        page.heading("Tokens per document"),
        page.note(_spread(counts)),
        _histogram(counts),
        page.heading("Rejects and documents left out"),
        *_examples(tokenized, uris, job, out),
        page.heading("Inputs that lost the largest share"),
        page.table(["input", "rows", "lost", "share"], _losses(tokenized, uris)),
        page.heading(f"Windows of {train.seq_len:,} ids, as a model reads them"),
        *_windows(spec, shards, out),
        page.note(f"Plan {train.plan}, seed {train.seed}, tokenizer {train.tokenizer.digest[:16]}"),
    ]
    title = f"Text dataset: {train.samples:,} samples of {train.seq_len:,}"
    return page.page(title, parts).encode("utf-8", "backslashreplace")


def _sizes(named: tuple[str, Manifest]) -> list[str]:
    name, one = named
    numbers = (one.rows.written, one.tokens.text, one.samples, len(one.shards), one.tokens.pad)
    return [name, *(f"{number:,}" for number in numbers)]


def _ways(train: Manifest) -> Iterator[list[str]]:
    ends = {"written": train.rows.written, **train.rows.rejected}
    for reason, count in sorted(ends.items(), key=lambda end: (end[0] != "written", -end[1], end[0])):
        kind, _, name = reason.partition(":")
        meaning = f"shares a run of words with evaluation set {name}" if name else _MEANS.get(kind, "")
        yield [reason, f"{count:,}", f"{count / max(train.rows.read, 1):.2%}", meaning]


def _spread(counts: list[int]) -> str:
    def at(share: float) -> str:
        low, high = length_bins.quantile(counts, share)
        return f"{low:,} to {high - 1:,}"

    return (
        f"{sum(counts):,} documents of all splits, end-of-text included. Median {at(0.5)}; "
        f"one in ten has fewer than {at(0.1)}, one in ten more than {at(0.9)}, one in a hundred more than {at(0.99)}."
    )


def _histogram(counts: list[int]) -> str:
    used = np.flatnonzero(counts)
    low, high = int(used[0]), int(used[-1]) + 1
    labels = [f"{edge:,}" if edge < 10_000 else f"{edge // 1000:,}k" for edge in length_bins.EDGES[low:high].tolist()]
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.bar(range(len(labels)), counts[low:high], color=COLOURS[0])
    axes.set(xlabel="tokens, at least", ylabel="documents")
    every = 1 + len(labels) // 17
    axes.set_xticks(range(0, len(labels), every), labels[::every])
    return svg(figure)


def _examples(tokenized: Sequence[Receipt], uris: list[str], job: TextJob, out: str) -> Iterator[str]:
    total: Counter[str] = Counter()
    for receipt in tokenized:
        total.update(receipt["rejected"])
    shown: dict[str, list[list[str]]] = {reason: [] for reason, count in sorted(total.items()) if count}
    if not shown:
        yield page.note("None.")
    losing = (number for number, receipt in enumerate(tokenized) if any(receipt["rejected"].values()))
    for number in islice(losing, SEARCHED):
        if all(len(rows) >= EXAMPLES for rows in shown.values()):
            break
        for reason, line, detail in _rejects(out, number, job):
            if len(shown[reason]) < EXAMPLES:
                shown[reason].append([f"{uris[number]}:{line}", detail])
    for reason, rows in shown.items():
        yield page.note(f"{reason}: {total[reason]:,} rows" + (", for example" if rows else ""))
        if rows:
            yield page.table(["row", "why"], rows)


def _rejects(out: str, number: int, job: TextJob) -> Iterator[tuple[str, int, str]]:
    """Reason, line and detail of an input's rejects: rows that could not be used, then documents left out."""
    unusable = files.join(out, part_file(number, digits=6))
    if files.exists(unusable):
        for line in files.read_bytes(unusable).splitlines():
            row = orjson.loads(line)
            yield row["reason"], row["line"], row["detail"]
    if job.selects:
        with files.open_input(files.join(out, left_out.rejects_file(number))) as stream:
            rows = pq.read_table(stream).to_pylist()
        for row in rows:
            yield row["reason"], row["line"], _counterpart(row)


def _counterpart(row: dict[str, Any]) -> str:
    if row["kept_file"]:
        return f"{row['kept_file']}:{row['kept_line']} stays"
    return f"holds a run of {row['evaluation_file']}:{row['evaluation_line']}" if row["evaluation_file"] else ""


def _losses(tokenized: Sequence[Receipt], uris: list[str]) -> list[list[str]]:
    lost = [(sum(one["rejected"].values()), one["rows"], uri) for one, uri in zip(tokenized, uris, strict=True)]
    lost = sorted((one for one in lost if one[0]), key=lambda one: (-one[0] / one[1], one[2]))[:10]
    return [[uri, f"{rows:,}", f"{count:,}", f"{count / rows:.1%}"] for count, rows, uri in lost]


def _windows(spec: TokenizerSpec, shards: SplitShards, out: str) -> Iterator[str]:
    windows, decoder = shards.windows, reference(spec)
    for sample in np.unique(np.linspace(0, windows.count - 1, SAMPLES).astype(np.int64)).tolist():
        place = int(windows.at(np.array([sample], np.int64))[0])
        text = decoder.decode(windows.block(place, place + 1)[0].tolist(), skip_special_tokens=False)
        sources = why(out, sample)
        yield page.note(
            f"Sample {sample:,}: " + "; ".join(f"{one.input}:{one.line}" for one in sources[:4]) + _more(sources[4:])
        )
        yield page.preformatted(text[:CHARACTERS] + ("…" if len(text) > CHARACTERS else ""))


def _more(sources: Sequence[object]) -> str:
    return f" and {len(sources)} more documents" if sources else ""
