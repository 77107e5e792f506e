"""Lays the page of one run out: where it stands, figures, tables, and samples of what was read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from matplotlib.figure import Figure

from common.errors import InputError
from common.html import page
from common.html.figure import svg
from train.models.cost import training_flops
from train.report import figures, samples, tables
from train.report.record import Record
from train.report.windows import windows


def render(
    record: Record, *, peak: float | None = None, tokenizer: Path | None = None, refresh: int | None = None
) -> str:
    """The page as HTML.

    Args:
        record: what the run has left.
        peak: operations a second of all devices together, for MFU.
        tokenizer: tokenizer.json of the data; without one no samples are shown.
        refresh: seconds after which a browser loads the page again; None for a run that is over.
    """
    parts = [page.note(standing(record))]
    parts += section("Scores", tables.scores(record))
    parts += section("Target and realised mix", tables.mix(record), lambda: figures.mix(record))
    parts += section("Loss by source", tables.loss(record), lambda: figures.loss(record))
    if record.held_out:
        parts += [page.heading("Held-out loss"), svg(figures.held_out(record))]
    parts += [page.heading("Learning rate"), svg(figures.learning_rate(record))]
    parts += section("Where the tokens came from", tables.tokens(record), lambda: figures.passes(record))
    parts += _throughput(record, peak)
    parts += section("Faults", tables.faults(record))
    parts += section("Checkpoints", tables.checkpoints(record))
    parts += _samples(record, tokenizer)
    parts.append(page.note(f"schedule {record.schedule.hash}"))
    return page.page(f"Run {record.folder.resolve().name}", parts, refresh=None if record.finished else refresh)


def section(title: str, table: tables.Table, figure: Callable[[], Figure] | None = None) -> list[str]:
    """A heading, its figure and its table; nothing where the table is empty."""
    header, rows = table
    if not rows:
        return []
    return [page.heading(title), *([svg(figure())] if figure else []), page.table(header, rows)]


def standing(record: Record) -> str:
    """Where the run stands, in one sentence or two."""
    schedule = record.schedule
    done, total = schedule.tokens(record.position), schedule.tokens(schedule.total_samples)
    said = f"{done:,} of {total:,} tokens ({done / total:.1%}), phase '{schedule.phase(record.position).name}'"
    if not record.log:
        return f"{said}. No step was taken yet."
    last = record.log[-1]
    loss = "no loss" if last.loss is None else f"loss {last.loss:.3f}"
    said += f": step {last.step:,}, {loss}, learning rate {last.lr:.3g}, {last.seconds:.2f} s"
    if record.finished:
        return f"{said}. The run is over."
    recent = record.log[-50:]
    seconds = sum(step.seconds for step in recent)
    rows = recent[-1].position - (record.log[-51].position if len(record.log) > 50 else record.start)
    rest = timedelta(seconds=round((schedule.total_samples - record.position) * seconds / max(1, rows)))
    return f"{said}. At the speed of its last {len(recent)} steps it needs {rest} more."


def _throughput(record: Record, peak: float | None) -> list[str]:
    if not record.log:
        return []
    work = None
    if record.model is not None:
        work = training_flops(record.model.shape, record.schedule.tokenizer.embedding_rows, record.schedule.seq_len)
    found = windows(record.log, record.start, record.schedule)
    speeds = sorted(figures.speed(window, record.schedule) for window in found)
    middle = speeds[len(speeds) // 2]
    said = f"Median {middle:,.0f} tokens/s, padding included"
    if work is not None:
        said += f"; {work / 1e6:,.3g} MFLOP a token in the decoder, encoders not counted"
        said += f": {middle * work / 1e12:,.3g} TFLOP/s"
        if record.fp8:
            peak, said = None, f"{said}; no MFU, since part of them were made in fp8"
        if peak is not None:
            said += f", MFU {middle * work / peak:.1%} of {peak / 1e12:,.4g} TFLOP/s"
    return [page.heading("Throughput"), svg(figures.throughput(record, work, peak)), page.note(said + ".")]


def _samples(record: Record, tokenizer: Path | None) -> list[str]:
    if tokenizer is None or not record.log:
        return []
    try:
        found: Sequence[samples.Sample] = samples.first_of_each(record, tokenizer)
    except InputError as error:
        return [page.heading("Samples of what was read"), page.note(f"They cannot be shown: {error}")]
    parts = [page.heading("Samples of what was read")]
    for one in found:
        parts.append(page.note(f"{one.phase}: {one.source}, sample {one.number:,}, at position {one.position:,}"))
        if one.pictures:
            parts.append(page.gallery((uri, "") for uri in one.pictures))
        parts.append(page.passage(one.text))
    return parts
