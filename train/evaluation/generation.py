"""Generates greedy answers in batches; an answer never depends on its batch.

A batch holds prompts of one length only, so there is no padding: a row is computed as it would be alone, and what it
says depends on no neighbour. Nor does it on how many there are: BLAS takes other kernels, with other roundings, for a
step of one to three rows than for more (measured), so small batches are filled up with copies. An answer ends where
the conversation format says (an id, or a line break in version 1), or at the task's limit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from train.evaluation.scored_model import Subject


class Stem(NamedTuple):
    """A prompt to continue."""

    item: int
    """Number of the item."""
    ids: list[int]


LEAST = 4
"""Rows from which on, on a CPU, their number leaves every logit as it is, to the bit."""

Pixels = Callable[[int], NDArray[np.uint8]]
"""Item number -> pixels [images, 3, size, size] (0 or 1 image)."""


def batches(stems: Sequence[Stem], size: int) -> Iterator[list[Stem]]:
    """Stems in groups of equal length, shortest first, at most `size` each."""
    by_length: defaultdict[int, list[Stem]] = defaultdict(list)
    for stem in stems:
        by_length[len(stem.ids)].append(stem)
    for length in sorted(by_length):
        group = by_length[length]
        for start in range(0, len(group), size):
            yield group[start : start + size]


def answer(subject: Subject, batch: Sequence[Stem], pixels: Pixels, max_tokens: int) -> list[str]:
    """The model's answers to stems of equal length, without surrounding blanks."""
    texts = continued(subject, batch, pixels, max_tokens, subject.conversation.stops, stripped=True)
    return [text.strip() for text in texts]


@torch.inference_mode()
def continued(
    subject: Subject,
    batch: Sequence[Stem],
    pixels: Pixels,
    max_tokens: int,
    stops: Sequence[str],
    *,
    stripped: bool = False,
) -> list[str]:
    """Returns what the model goes on with, up to an id that ends an answer or the first of the texts `stops`.

    With `stripped`, blanks at the start do not count as stops.
    """

    def text(ids: list[int]) -> str:
        said = _decoded(subject, ids)
        return said.lstrip() if stripped else said

    rows = [*batch, *[batch[-1]] * (LEAST - len(batch))]
    ids_BL = torch.tensor([stem.ids for stem in rows])
    shown = [pixels(stem.item) for stem in batch]
    images = torch.from_numpy(np.concatenate([*shown, *[shown[-1]] * (LEAST - len(batch))]))
    ends = subject.conversation.ends(subject.identity.end_of_text_id)
    said: list[list[int]] = [[] for _ in batch]
    open_ = [True] * len(batch)
    inputs = subject.inputs(ids_BL, images)
    past = None
    for _ in range(max_tokens):
        out = subject.model(**inputs, past_key_values=past, use_cache=True, logits_to_keep=1)
        past = out.past_key_values
        next_B = out.logits[:, -1].float().argmax(-1)
        for row, token in enumerate(next_B.tolist()[: len(batch)]):
            if open_[row] and token not in ends:
                said[row].append(token)
            open_[row] = open_[row] and token not in ends and not any(stop in text(said[row]) for stop in stops)
        if not any(open_):
            break
        inputs = {"input_ids": next_B[:, None]}
    return [_before(text(ids), stops) for ids in said]


def _before(text: str, stops: Sequence[str]) -> str:
    for stop in stops:
        text = text.partition(stop)[0]
    return text


def _decoded(subject: Subject, ids: list[int]) -> str:
    text: str = subject.tokenizer.decode(ids, skip_special_tokens=True)
    return text
