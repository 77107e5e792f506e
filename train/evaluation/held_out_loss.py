"""Computes the held-out loss of a source: mean cross-entropy over the loss-bearing tokens, as training counts it.

Rows, masks and losses are training's own (`train.loader.held_out`, the checkpoint's model), so the figure continues the
training curves. It needs a checkpoint: an export does not know about packed documents.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from common import atomic_files, heartbeat
from common.errors import InputError
from schemas.results import Prediction, TaskResult, TaskSummary
from train.checkpoint.state import schedule_of
from train.evaluation.official_files import digest
from train.evaluation.result_files import identity_of, kept, standard_error, summary_of
from train.evaluation.scored_model import weights_digest
from train.export.hugging_face_model import load
from train.loader.held_out import HeldOut
from train.loader.rows.batch import Batch
from train.models.row_losses import row_losses


def held_out_loss(
    path: Path, name: str, dataset: Path, out: Path, *, batch_size: int = 8, limit: int | None = None
) -> TaskSummary:
    """Loss of the checkpoint at `path` on the dataset, as task `loss-NAME`.

    Raises:
        InputError: the dataset is unfinished, damaged, or was made for another model.
    """
    heartbeat.at("reading the model")
    loaded = load(path)
    saved = loaded.saved
    schedule = schedule_of(loaded.path)
    conversation = schedule.conversation_format if schedule else saved.conversation
    held_out = HeldOut(dataset, saved.tokenizer, saved.geometry, conversation=conversation, limit=limit)
    task = f"loss-{name}"
    files = {name: digest(dataset / "manifest.json")}
    model_digest = weights_digest(loaded.path, "model")
    identity = identity_of({"task": task, "model": model_digest, "files": files, "limit": limit})
    if done := kept(out, task, identity):
        return summary_of(done)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = loaded.model.to(device)

    def place(batch: Batch) -> Batch:
        parts = cast(dict[str, object], batch).items()
        return cast(Batch, {key: part.to(device) if isinstance(part, Tensor) else part for key, part in parts})

    heartbeat.at(f"{task}, rows", held_out.rows)
    losses: list[tuple[float, int]] = []
    for sums, counts in row_losses(model, held_out.batches(batch_size), place):
        losses += zip(sums.tolist(), counts.tolist(), strict=True)
        heartbeat.done(len(counts))
    tokens = sum(number for _, number in losses)
    if tokens == 0:
        raise InputError("no token bears loss", file=dataset, remedy="give a dataset with samples")
    predictions = [
        Prediction(id=str(n), group="", prediction="", target=number, score=total / max(number, 1))
        for n, (total, number) in enumerate(losses)
    ]
    result = TaskResult(
        task=task,
        metric="nats per token",
        score=sum(total for total, _ in losses) / tokens,
        chance=float(torch.log(torch.tensor(float(saved.tokenizer.vocabulary_size)))),
        items=len(losses),
        standard_error=standard_error([one.score for one in predictions]),
        metrics={"tokens": float(tokens)},
        higher_is_better=False,
        answers_by="loss",
        asked={"limit": limit},
        identity=identity,
        files=files,
        predictions=predictions,
    )
    out.mkdir(parents=True, exist_ok=True)
    atomic_files.write_text(out / f"{task}.json", result.model_dump_json(indent=1) + "\n")
    return summary_of(result)
