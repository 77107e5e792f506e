"""Finds the number of rows at a time that is fastest among those that fit: `microbatch: auto`.

Sizes are tried before training on the largest possible rows (no padding, as many images as fit): 1, 2, 4, ... at a
time, each on all ranks at once: ranks are alike, so they run out of memory together and none waits for
another. Composer's own search retries inside a step instead, and a rank that retries alone leaves sharded ones waiting.
The model tried on has to be thrown away: one that ran out of memory in the middle of a pass may not run another (FSDP's
units stay gathered, and believe that they still run). How rows are cut moves losses in their last bits, so the answer
is kept in `OUT/microbatch.json` and a run that is started again uses it, as long as GPU, model and all else that it
depends on are the same.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import NamedTuple, cast

import torch
import xxhash
from composer.core import Precision, get_precision_context
from composer.devices import Device
from composer.utils import dist

from common import atomic_files, seal
from schemas.schedule import Schedule
from train.config.parallel_config import ParallelConfig
from train.loader.rows.batch import Batch, make_batch
from train.models import fp8
from train.models.vlm import VisionLanguageModel
from train.run.out_of_memory import REMEMBERED, ran_out

MARGIN = 0.95
"""Share of a GPU's memory that a micro-batch may lead to; the rest is for fragmentation."""


def largest_batch(schedule: Schedule, rows: int) -> Batch:
    """`rows` rows with as many images as fit, in which every position bears loss."""
    length, tokenizer, geometry = schedule.seq_len, schedule.tokenizer, schedule.geometry
    ids = torch.full((rows, length), tokenizer.vocabulary_size - 1)
    images = length // geometry.tokens if geometry else 0
    side = geometry.size if geometry else 1
    if geometry:
        ids[:, : images * geometry.tokens] = tokenizer.image_id
    return make_batch(
        input_ids=ids,
        labels=torch.full((rows, length), tokenizer.vocabulary_size - 1),
        pixels=torch.zeros(rows * images, 3, side, side, dtype=torch.uint8),
        images_per_row=torch.full((rows,), images),
        sources=torch.zeros(rows, dtype=torch.int64),
        samples=torch.zeros(rows, dtype=torch.int64),
        positions=torch.zeros(rows, dtype=torch.int64),
        real_tokens=torch.full((rows,), length),
    )


class Answer(NamedTuple):
    """Holds what a search has found."""

    microbatch: int
    used: bool
    """Whether the model was tried on, not only looked at: build another one for training."""


def search(
    model: VisionLanguageModel,
    schedule: Schedule,
    rows: int,
    device: Device,
    precision: Precision,
    parallel: ParallelConfig,
    out: Path,
) -> Answer:
    """The micro-batch of a rank that has `rows` rows in a step; the same on every rank.

    Where not even one row fits, it is one all the same, for training to say what ran out; that is not remembered.
    """
    file = out / REMEMBERED
    key = {
        "rows": rows,
        "ranks": dist.get_world_size(),
        "parallel": parallel.model_dump(),
        "precision": precision.value + (" fp8" if fp8.is_converted(model.decoder) else ""),
        "device": _hardware(device),
        "model": _tensors(model),
        "length": schedule.seq_len,
        "loss_chunk": model.loss_chunk,
        "recompute": any(block.recompute for block in model.decoder.layers),
        "compile": any(getattr(block, "_compiled_call_impl", None) is not None for block in model.blocks()),
    }
    told: list[int | None] = [None]
    if dist.get_global_rank() == 0 and file.exists():
        told = [_remembered(file, key)]
    dist.broadcast_object_list(told)
    if told[0] is not None:
        return Answer(int(told[0]), used=False)
    later = _allocated_later(model, parallel)
    best, least, size = 1, float("inf"), 1
    while size <= rows:
        seconds = device.tensor_to_device(torch.tensor(_try(model, schedule, size, device, precision, later)))
        if dist.get_world_size() > 1:
            dist.all_reduce(seconds, reduce_operation="MAX")
        if not torch.isfinite(seconds):
            break
        if float(seconds) / size < least:
            best, least = size, float(seconds) / size
        size = rows if size < rows < 2 * size else 2 * size
    if least < float("inf") and dist.get_global_rank() == 0:
        atomic_files.write_text(file, seal.sealed(json.dumps({"microbatch": best, "for": key})))
    return Answer(best, used=True)


def _remembered(file: Path, key: dict[str, object]) -> int | None:
    """The answer in `file` to the question `key`; None if it answers another, or is damaged: then it is made anew."""
    try:
        known = seal.opened(file.read_bytes())
        if known["for"] != key:
            return None
        found = int(known["microbatch"])
        if 0 < found <= max(1, cast(int, key["rows"])):
            return found
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        pass
    print(f"warning: {file}: damaged; the micro-batch is searched anew", file=sys.stderr)
    return None


def _hardware(device: Device) -> str:
    """Names the hardware that a rank computes on."""
    if device.name != "gpu":
        return device.name
    gpu = torch.cuda.get_device_properties(torch.cuda.current_device())
    return f"{gpu.name}, {gpu.total_memory:,} bytes"


def _tensors(model: VisionLanguageModel) -> str:
    """Digest of the model's parameters: names, shapes, and which are trained."""
    told = [[name, list(p.shape), p.requires_grad] for name, p in model.named_parameters()]
    return xxhash.xxh3_64_hexdigest(json.dumps(told))


def _allocated_later(model: VisionLanguageModel, parallel: ParallelConfig) -> int:
    """Bytes of a rank that training will hold and the search does not: AdamW's two moments, and what is exchanged.

    DDP copies all gradients into buckets and keeps those: Composer does not ask it to let gradients be views of them.
    FSDP adds gradients up whole over the micro-batches of a step, unless it is told to exchange them after each.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    moments = 2 * sum(_local(p).numel() * p.element_size() for p in trained)
    if dist.get_world_size() == 1 or (parallel.strategy == "fsdp" and parallel.reduce_every_microbatch):
        return moments
    return moments + sum(p.numel() * 4 for p in trained)


def _try(
    model: VisionLanguageModel, schedule: Schedule, size: int, device: Device, precision: Precision, later: int
) -> float:
    """Seconds of a forward and backward pass over `size` rows, the second of two; infinite if it does not fit.

    Args:
        later: bytes that have to stay free.
    """
    on_gpu = device.name == "gpu"
    seconds = float("inf")
    try:
        batch = device.batch_to_device(largest_batch(schedule, size))
        for _ in range(2):
            model.zero_grad(set_to_none=True)
            began = time.perf_counter()
            with get_precision_context(precision):
                loss = model(batch).loss
            loss.backward()
            if on_gpu:
                torch.cuda.synchronize()
            seconds = time.perf_counter() - began
        if on_gpu and torch.cuda.max_memory_reserved() + later > MARGIN * torch.cuda.mem_get_info()[1]:
            seconds = float("inf")
    except RuntimeError as error:
        if not ran_out(error):
            raise
        seconds = float("inf")
    model.zero_grad(set_to_none=True)
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    return seconds


def _local(parameter: torch.Tensor) -> torch.Tensor:
    local = getattr(parameter, "to_local", None)
    return parameter if local is None else local()
