"""Advises what to change when memory ran out, in the order in which it costs least."""

from __future__ import annotations

import torch

from common.errors import InputError
from train.config.run_config import RunConfig

REMEMBERED = "microbatch.json"
"""File in `out` with the answer of `microbatch: auto`."""


def ran_out(error: BaseException) -> bool:
    """Whether `error` says that memory ran out: on a GPU (its libraries say so in their own way), or on the CPU."""
    said = ("CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(part in str(error) for part in said)


def advice(error: RuntimeError, run: RunConfig) -> InputError | None:
    """One line for the user if `error` says that memory ran out, on GPU or CPU; else None."""
    if not ran_out(error):
        return None
    on_gpu = "can't allocate memory" not in str(error)
    remedies = []
    if run.microbatch == "auto":
        remedies.append(f"delete {run.out / REMEMBERED}, so that the micro-batch is searched anew")
    if isinstance(run.microbatch, int) and run.microbatch > 1:
        remedies.append(f"set `microbatch: {run.microbatch // 2}` (losses stay the same)")
    if on_gpu and run.precision == "fp32":
        remedies.append("set `precision: amp_bf16`")
    if run.parallel.strategy == "ddp":
        remedies.append("set `parallel: {strategy: fsdp}` and use more ranks")
    elif run.parallel.replicas > 1:
        remedies.append(f"lower `parallel.replicas` from {run.parallel.replicas}")
    else:
        remedies.append("use more ranks")
    first = " ".join(str(error).split(". ")[0].split())
    return InputError(f"out of memory ({first})", field="microbatch", remedy="; or ".join(remedies))
