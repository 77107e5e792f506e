"""Writes `report.html` of an image dataset: what went in, what did not and why, and how full the windows are.

Made from the receipts alone, so it is as reproducible as the shards. It shows no picture and no caption: a takedown
need not look for copies here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common.html.figure import COLOURS, svg
from common.html.page import heading, note, page, table, verdict
from dataprep.engine.tasks import Receipt
from schemas.manifest import Manifest

NAME = "report.html"
_BINS = 40
_SHOWN = 20


def report(manifest: Manifest, receipts: Sequence[Receipt]) -> str:
    """Builds the page of an image dataset."""
    rows, tokens = manifest.rows, manifest.tokens
    lengths, windows, captions = (_sum(receipts, name) for name in ("lengths", "items_in_window", "captions"))
    share = tokens.pad / max(1, tokens.total)
    parts = [
        verdict(
            f"{rows.read:,} rows read: {rows.written:,} written, {sum(rows.rejected.values()):,} rejected with a "
            f"reason, 0 unaccounted. {manifest.samples:,} windows of {manifest.seq_len:,} ids, {share:.2%} padding.",
            good=True,
        ),
        *(note(f"warning: {warning}") for warning in manifest.warnings),
        heading("Ids"),
        table(
            ["kind", "ids", "share"],
            [
                [kind, f"{count:,}", f"{count / max(1, tokens.total):.2%}"]
                for kind, count in tokens.model_dump().items()
                if count
            ],
        ),
        heading("Rejected rows"),
        table(["reason", "rows", "share of rows read"], _shares(rows.rejected, rows.read))
        if rows.rejected
        else note("none"),
    ]
    if captions:
        parts += [heading("Captions"), table(["source", "pairs", "share"], _shares(captions, sum(captions.values())))]
    if lengths:
        parts += [heading("Lengths"), svg(_histogram(lengths, "ids, image tokens left out", "rows"))]
        parts += [heading("Windows"), svg(_bars(windows, "rows in a window", "windows"))]
    parts += [
        heading("Made from"),
        table(
            ["input", "bytes", "digest"],
            [[one.path, f"{one.bytes:,}", one.digest] for one in manifest.inputs[:_SHOWN]],
        ),
    ]
    if len(manifest.inputs) > _SHOWN:
        parts.append(note(f"and {len(manifest.inputs) - _SHOWN:,} more, listed in manifest.json"))
    packages = ", ".join(f"{name} {version}" for name, version in manifest.packages.items())
    licences = ", ".join(manifest.licences) or "not given"
    parts.append(note(f"plan {manifest.plan}; seed {manifest.seed}; {packages}; licences: {licences}"))
    return page(f"{manifest.kind}: {manifest.samples:,} windows", parts)


def _sum(receipts: Sequence[Receipt], name: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for receipt in receipts:
        total.update(receipt.get(name, {}))
    return total


def _shares(counts: Mapping[str, int], total: int) -> list[list[str]]:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [[name, f"{count:,}", f"{count / max(1, total):.2%}"] for name, count in ordered]


def _histogram(counts: Mapping[str, int], x: str, y: str) -> Figure:
    values = {int(key): count for key, count in counts.items()}
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.hist(list(values), bins=min(_BINS, max(values) + 1), weights=list(values.values()), color=COLOURS[0])
    axes.set(xlabel=x, ylabel=y)
    return figure


def _bars(counts: Mapping[str, int], x: str, y: str) -> Figure:
    values = sorted((int(key), count) for key, count in counts.items())
    figure = Figure(figsize=(7, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.bar([key for key, _ in values], [count for _, count in values], color=COLOURS[2])
    axes.set(xlabel=x, ylabel=y)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure
