"""Teaches the tower and saves it: the same weights for the same settings, pairs and number of threads."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from common import atomic_files
from demo.tower import pairs
from demo.tower.model import Contrast, pairwise_loss
from demo.tower.pairs import Pairs
from demo.tower.settings import Settings

DONE = "taught.json"
"""Stands in a finished tower: what it was taught with, and the share of pictures matched to their caption."""


def teach(settings: Settings) -> dict[str, Any] | None:
    """Teach and save the tower at `settings.out`; returns what `DONE` holds, or None if that tower stands there.

    Raises:
        InputError: see `pairs.read`.
    """
    torch.set_num_threads(settings.threads)
    found = pairs.read(settings)
    identity = settings.identity(found.digest)
    done = settings.out / DONE
    if done.is_file() and json.loads(done.read_text())["identity"] == identity:
        return None
    torch.manual_seed(settings.seed)
    model = Contrast(settings, found.vocabulary, found.pad_id)
    matched = _fit(model, found, settings)
    said = {"identity": identity, "steps": settings.steps, "pairs": len(found.captions), "matched": matched}
    _save(model, settings, said)
    return said


def _fit(model: Contrast, found: Pairs, settings: Settings) -> float:
    """Take all steps; returns the share of pictures whose own caption scored highest, over the last fiftieth."""
    optimizer = torch.optim.AdamW(model.parameters(), settings.rate, weight_decay=settings.weight_decay)
    chance = random.Random(settings.seed)
    hits: list[float] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task("tower", total=settings.steps)
        for step in range(settings.steps):
            for group in optimizer.param_groups:
                group["lr"] = settings.rate * rate_share(step, settings.steps)
            rows = chance.sample(range(len(found.captions)), settings.pairs_a_step)
            scores = model(*found.drawn(rows, [chance.randrange(1 << 30) for _ in rows]))
            loss = pairwise_loss(scores)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            hits.append((scores.argmax(1) == torch.arange(len(rows))).float().mean().item())
            right = f"tower: loss {loss.item():.2f}, {hits[-1]:.0%} of {len(rows)} pictures matched"
            progress.update(task, advance=1, description=right)
    last = hits[-math.ceil(len(hits) / 50) :]
    return round(sum(last) / len(last), 4)


def rate_share(step: int, steps: int) -> float:
    """Share of the highest rate at `step`: a line up over the first tenth, a cosine down to the end."""
    warm_up = max(1, steps // 10)
    return min(1.0, (step + 1) / warm_up) * (0.5 + 0.5 * math.cos(math.pi * step / steps))


def _save(model: Contrast, settings: Settings, said: dict[str, Any]) -> None:
    """Write the folder whole, or not at all."""
    tower = model.images.tower
    # The norm that features skip; Hugging Face's format has a place for it.
    tower.vision_model.post_layernorm = nn.LayerNorm(settings.width)
    with atomic_files.new_directory(settings.out, replace=True) as folder:
        tower.save_pretrained(folder)
        atomic_files.write_text(folder / DONE, json.dumps(said) + "\n")
