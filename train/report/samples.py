"""Shows what a run has read: the first rows of every phase and source, as text, with their pictures.

Rows come through the trainer's own loader, so they are what the model saw: pixels after resizing, ids turned back
into text.
"""

from __future__ import annotations

import base64
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from schemas.schedule import Schedule
from train.report.record import Record

_PICTURES = 3
_LETTERS = 600
_SEARCHED = 512
"""Samples at the start of a phase in which a source is looked for."""


@dataclass(frozen=True)
class Sample:
    """Holds one row as it was read."""

    phase: str
    source: str
    position: int
    number: int
    """Of the sample within its source."""
    text: str
    pictures: list[str]
    """Data URIs of the first images."""


def first_of_each(record: Record, tokenizer: Path) -> list[Sample]:
    """One sample of each source and phase that the run has reached.

    Raises:
        InputError: the data or the tokenizer is not where the run had it.
    """
    from tokenizers import Tokenizer

    from train.tokenizer_check import checked_tokenizer

    words = Tokenizer.from_file(str(checked_tokenizer(tokenizer, record.schedule.tokenizer)))
    found = []
    with tempfile.TemporaryDirectory() as cache:
        for phase, source, position, number in _places(record.schedule, record.start, record.position):
            text, pictures = _read(record.schedule, position, words, cache)
            found.append(Sample(phase, source, position, number, text, pictures))
    return found


def _places(schedule: Schedule, start: int, stop: int) -> Iterator[tuple[str, str, int, int]]:
    """(phase, source, position, sample id) of the first sample of each source in each phase."""
    for phase in schedule.phases:
        low, high = max(start, phase.start), min(stop, phase.stop, max(start, phase.start) + _SEARCHED)
        if low >= high:
            continue
        sources, samples = schedule.samples(low, high)
        for number, source in enumerate(schedule.sources):
            here = (sources == number).nonzero()[0]
            if len(here):
                yield phase.name, source.name, low + int(here[0]), int(samples[here[0]])


def _read(schedule: Schedule, position: int, words: object, cache: str) -> tuple[str, list[str]]:
    from train.loader.dataset import ScheduleDataset
    from train.loader.rows.decode import Row

    dataset = ScheduleDataset(schedule, 1, cache=cache, start=position, stop=position + 1)
    row = next(iter(dataset))
    if not isinstance(row, Row):
        raise InputError(f"sample {position:,} cannot be read", file=schedule.sources[0].path)
    identity = schedule.tokenizer
    ids = [int(token) for token in row.tokens[: row.real_tokens] if token < identity.vocabulary_size]
    text: str = words.decode(ids, skip_special_tokens=False)  # type: ignore[attr-defined]
    return text[:_LETTERS] + ("..." if len(text) > _LETTERS else ""), [
        picture_uri(one) for one in row.pixels[:_PICTURES]
    ]


def picture_uri(pixels: object) -> str:
    """Decoded pixels [3, height, width] as the data URI of a PNG."""
    import numpy as np
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(np.asarray(pixels).transpose(1, 2, 0)))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
