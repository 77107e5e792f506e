"""Predicts the answers to items, by generation or by the likelihood of each choice: one line of JSON an item.

Lines are appended and flushed after every batch, so a killed evaluation goes on where it stopped; what is no whole line
is dropped, and its item is asked again. Each process writes a file of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from common import heartbeat, json_lines
from schemas.manifest import STRETCH
from train.evaluation.generation import Stem, answer, batches
from train.evaluation.likelihood import score
from train.evaluation.prompts import Prompt
from train.evaluation.read_image import read_image
from train.evaluation.scored_model import Subject
from train.evaluation.task import OFFICIAL, Item


@dataclass(frozen=True)
class Settings:
    """How items are put to the model; all of it but the batch size is part of a result's identity."""

    batch_size: int = 16
    blind: bool = False
    """Leave images out."""
    bare: bool = False
    """Leave the task's instruction line out."""
    by: str = "generation"
    """`likelihood` where choices exist, or `generation`."""
    limit: int | None = None
    """The first items only."""
    rule: str = OFFICIAL
    """Scoring rule of the tasks that have one of this name."""
    frame: str = "image"
    """What the corners of boxes are shares of: `image` or `square`."""
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Parts (splits) of a task to ask, where not all."""


def predict(
    subject: Subject,
    items: Mapping[int, Item],
    settings: Settings,
    instruction: str,
    max_tokens: int,
    file: Path,
    label: str = "",
) -> None:
    """Append the predictions for `items` (by number) to `file`."""
    encoder = subject.encoder(blind=settings.blind)
    size, fit = (subject.geometry.size, subject.geometry.fit) if subject.geometry else (1, STRETCH)
    line = "" if settings.bare or not instruction else f"\n{instruction}"

    def pixels(index: int) -> NDArray[np.uint8]:
        image = items[index].image
        if image is None or settings.blind:
            return np.empty((0, 3, size, size), np.uint8)
        return read_image(image, size, fit)[None]

    def stem(index: int) -> list[int]:
        item = items[index]
        return encoder.stem(item.question + line, item.image is not None)

    stems = [Stem(index, stem(index)) for index in items]
    by_choice = any(item.choices for item in items.values()) and settings.by == "likelihood"
    heartbeat.at(f"{label}, items", len(stems))
    with file.open("a", encoding="utf-8") as sink:

        def put(index: int, said: str) -> None:
            sink.write(json_lines.line(json.dumps({"item": index, "said": said}, ensure_ascii=False)))

        for batch in batches(stems, settings.batch_size):
            if by_choice:
                _choose(subject, items, batch, pixels, encoder.choices, settings.batch_size, put)
            else:
                for one, said in zip(batch, answer(subject, batch, pixels, max_tokens), strict=True):
                    put(one.item, said)
            sink.flush()
            heartbeat.done(len(batch))


def _choose(
    subject: Subject,
    items: Mapping[int, Item],
    batch: Sequence[Stem],
    pixels: Callable[[int], NDArray[np.uint8]],
    choices: Callable[..., list[Prompt]],
    size: int,
    put: Callable[[int, str], None],
) -> None:
    prompts = [prompt for one in batch for prompt in choices(one.item, one.ids, items[one.item].choices)]
    scores = score(subject, prompts, pixels, device=subject.device, pad_id=subject.identity.pad_id, batch_size=size)
    for one in batch:
        options = items[one.item].choices
        put(one.item, options[int(np.argmax([scores[one.item, n] for n in range(len(options))]))])


def read_predictions(files: Sequence[Path]) -> dict[int, str]:
    """Reads the predictions that are there so far, by item number."""
    found: dict[int, str] = {}
    for file in files:
        lines = file.read_bytes().split(b"\n")
        for line in lines[:-1]:
            # Zeros, where a machine died before its disk had the line; a damaged one; an older release's.
            with contextlib.suppress(ValueError, KeyError, TypeError):
                one = json.loads(json_lines.opened(line))
                found[one["item"]] = one["said"]
        if lines[-1]:  # a torn line: what follows must not be glued to it
            os.truncate(file, file.stat().st_size - len(lines[-1]))
    return found


def threads_each(processes: int) -> int:
    """CPU threads of one of several processes."""
    return max(1, torch.get_num_threads() // processes)
