"""`train/main.py` whose rank 0 writes what each step sent to the file COLLECTIVES: {collective: [bytes, ...]} a line.

`composer -n N tests/helpers/counted_collectives.py RUN.yaml`. DDP's buckets are made as small as its parameters, so
that a model of a test has more than one.
"""

from __future__ import annotations

import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch.distributed  # noqa: E402
from composer.core import State  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

from train.callbacks.step_facts import StepRecord  # noqa: E402
from train.main import main  # noqa: E402

sent: dict[str, list[int]] = defaultdict(list)


def counted(name: str) -> None:
    """Note the bytes that each call of a collective gets: FSDP names its arguments, DDP's hook does not."""
    sound: Callable[..., Any] = getattr(torch.distributed, name)

    def call(*arguments: Any, **options: Any) -> Any:
        tensor = arguments[0] if arguments else options.get("input_tensor", options.get("input"))
        sent[name].append(tensor.nbytes)
        return sound(*arguments, **options)

    setattr(torch.distributed, name, call)


for collective in ("all_reduce", "all_gather_into_tensor", "reduce_scatter_tensor"):
    counted(collective)
start, end = StepRecord.batch_start, StepRecord.after_train_batch


def batch_start(self: StepRecord, state: State, logger: Any) -> None:
    """Forget what was sent between steps."""
    sent.clear()
    start(self, state, logger)


def after_train_batch(self: StepRecord, state: State, logger: Any) -> None:
    """Write what the passes of the step have sent."""
    if os.environ["RANK"] == "0":
        with open(os.environ["COLLECTIVES"], "a", encoding="utf-8") as file:
            file.write(json.dumps(sent) + "\n")
    end(self, state, logger)


StepRecord.batch_start, StepRecord.after_train_batch = batch_start, after_train_batch  # type: ignore[method-assign]
made = DistributedDataParallel.__init__


def small(self: DistributedDataParallel, module: torch.nn.Module, **options: Any) -> None:
    """Wrap `module`, a bucket for each parameter."""
    made(self, module, bucket_cap_mb=1e-6, **options)


DistributedDataParallel.__init__ = small  # type: ignore[method-assign]
sys.exit(main())
