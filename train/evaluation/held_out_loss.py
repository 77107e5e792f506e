"""Held-out loss of a source: mean cross-entropy over the loss-bearing tokens of an MDS dataset, as training counts it.

Rows, masks and documents are training's own (`train.loader`, the checkpoint's model), so the figure continues the
training curves. It needs a checkpoint: an export does not know about packed documents.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import torch

from schemas import atomic
from schemas.errors import InputError
from schemas.manifest import Manifest
from schemas.results import Prediction, TaskResult, TaskSummary
from train.evaluation.files import digest
from train.evaluation.held_out_rows import held_out_rows
from train.evaluation.run import identity_of, kept, standard_error, summary_of
from train.evaluation.subject import weights_digest
from train.export.build import load
from train.loader.collate import collate
from train.loader.decode import DamagedRowError, decode_row


def held_out_loss(
    path: Path, name: str, dataset: Path, out: Path, *, batch_size: int = 8, limit: int | None = None
) -> TaskSummary:
    """Loss of the checkpoint at `path` on the dataset, as task `loss-NAME`.

    Raises:
        InputError: the dataset is unfinished, damaged, or was made for another model.
    """
    loaded = load(path)
    manifest = Manifest.load(dataset)
    saved = loaded.saved
    if manifest.tokenizer != saved.tokenizer or manifest.geometry not in (None, saved.geometry):
        problem = "the dataset was made with another tokenizer or image geometry than the model"
        raise InputError(problem, file=dataset, remedy="prepare it with those of the training data")
    task = f"loss-{name}"
    files = {name: digest(dataset / "manifest.json")}
    model_digest = weights_digest(loaded.path, "model")
    identity = identity_of({"task": task, "model": model_digest, "files": files, "limit": limit})
    if done := kept(out, task, identity):
        return summary_of(done)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = loaded.model.to(device)
    losses: list[tuple[float, int]] = []
    with held_out_rows(dataset, manifest, limit) as rows:
        while part := list(islice(rows, batch_size)):
            try:
                batch = collate([decode_row(row, 0, manifest.seq_len, saved.tokenizer, saved.geometry) for row in part])
            except DamagedRowError as error:
                raise InputError(f"a row from {len(losses):,} on is damaged ({error})", file=dataset) from None
            with torch.inference_mode():
                nll = model(type(batch)(**{key: value.to(device) for key, value in batch.items()})).nll.cpu()  # type: ignore[typeddict-item, attr-defined]
            row_of = batch["loss_index"] // manifest.seq_len
            for row in range(batch["input_ids"].shape[0]):
                here = nll[row_of == row]
                losses.append((float(here.double().sum()), len(here)))
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
        identity=identity,
        files=files,
        predictions=predictions,
    )
    out.mkdir(parents=True, exist_ok=True)
    atomic.write_text(out / f"{task}.json", result.model_dump_json(indent=1) + "\n")
    return summary_of(result)
