"""Turns windows back into what a person can read: documents, pictures, and which ids bear loss.

Rows come through the trainer's own loader, so they are what the model sees.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from common.errors import InputError
from schemas.manifest import TokenizerIdentity
from schemas.schedule import Schedule
from train.report.samples import picture_uri

Span = tuple[str, bool]
"""Text, and whether its ids bear loss."""


@dataclass(frozen=True)
class Window:
    """Holds one sample as it is read."""

    position: int
    source: int
    """Index of the source in the schedule."""
    sample: int
    documents: list[list[Span]]
    """By document: attention stays inside each."""
    padding: int
    """Ids at the end that stand for nothing."""
    losses: int
    """Ids that bear loss."""
    pictures: list[str]
    """Data URIs, in the size that the encoder sees."""


def decoded(schedule: Schedule, start: int, stop: int, tokenizer: Path) -> Iterator[Window]:
    """Read positions [start, stop) of a run.

    Raises:
        InputError: the data or the tokenizer is not there, or is not the one of the schedule.
    """
    from tokenizers import Tokenizer

    from train.loader.dataset import ScheduleDataset
    from train.loader.rows.batch import IGNORED
    from train.loader.rows.decode import Row
    from train.tokenizer_check import checked_tokenizer

    words = Tokenizer.from_file(str(checked_tokenizer(tokenizer, schedule.tokenizer)))
    with tempfile.TemporaryDirectory() as cache:
        for row in ScheduleDataset(schedule, 1, cache=cache, start=start, stop=stop):
            if not isinstance(row, Row):
                raise InputError("a sample cannot be read", file=schedule.sources[0].path, remedy="verify the dataset")
            bears = [False, *(label != IGNORED for label in row.labels[:-1].tolist())]
            ids = row.tokens[: row.real_tokens].tolist()
            yield Window(
                position=row.position,
                source=row.source,
                sample=row.sample,
                documents=documents(
                    list(zip(ids, bears, strict=False)),
                    schedule.tokenizer,
                    lambda some: words.decode(some, skip_special_tokens=False),
                ),
                padding=len(row.tokens) - row.real_tokens,
                losses=sum(bears),
                pictures=[picture_uri(one) for one in row.pixels],
            )


def documents(
    ids: Sequence[tuple[int, bool]], tokenizer: TokenizerIdentity, decode: Callable[[list[int]], str]
) -> list[list[Span]]:
    """Split ids, each with whether it bears loss, behind every end of text; runs of placeholders become `[image N]`."""
    found: list[list[Span]] = []
    image = 0
    begin = 0
    ends = [place + 1 for place, (one, _) in enumerate(ids) if one == tokenizer.end_of_text_id]
    for end in [*ends, len(ids)] if not ends or ends[-1] < len(ids) else ends:
        spans: list[Span] = []
        for (placeholder, bears), some in groupby(ids[begin:end], lambda one: (one[0] == tokenizer.image_id, one[1])):
            if placeholder:
                image += 1
                spans.append((f"[image {image}]", bears))
            else:
                spans.append((decode([one for one, _ in some if one < tokenizer.vocabulary_size]), bears))
        found.append(spans)
        begin = end
    return found
