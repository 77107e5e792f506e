"""One rank of a model that is sharded over all ranks: `composer -n N tests/helpers/sharded_save.py PLAN.json`.

`copy`: load the checkpoint `source` and save it again as the run of the config `run`. `memory`: save a model of
`layers` matrices and write to `folder`/told-RANK what it holds of them, what its memory grew by, how long training
stands still for the copy, how long a step of `tokens` takes, and how long the rest of the save. With `apart` each rank
has a disk of its own.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

import torch  # noqa: E402
from composer.devices import DeviceCPU  # noqa: E402
from composer.utils import dist  # noqa: E402
from torch import nn  # noqa: E402

from schemas.schedule import Schedule  # noqa: E402
from train.checkpoint import load, state  # noqa: E402
from train.checkpoint.rank_share import RankShare  # noqa: E402
from train.checkpoint.save import CheckpointStore  # noqa: E402
from train.checkpoint.writing import Writing  # noqa: E402
from train.config.parallel_config import ParallelConfig  # noqa: E402
from train.config.run_config import RunConfig  # noqa: E402
from train.models.build import build_model  # noqa: E402
from train.models.sharding import mesh_of, part, shard  # noqa: E402
from train.run.optimizer import build_optimizer  # noqa: E402

WIDTH = 4096


def copy(plan: dict[str, Any]) -> None:
    """Load, and save what was loaded."""
    run, source = RunConfig.model_validate(plan["run"]), Path(plan["source"])
    schedule, saved = Schedule.load(run.schedule), state.read(source)
    model = build_model(run.model_copy(update={"seed": 1}), schedule)
    shard(model, model.blocks(), run.parallel, mesh_of(run.parallel, dist.get_world_size(), "cpu"), "fp32")
    optimizer = build_optimizer(model, run.optimizer)
    load.load_weights(source, model)
    load.load_optimizer(source, model, optimizer)
    now = SimpleNamespace(timestamp=saved.timestamp, optimizers=[optimizer])
    store = CheckpointStore(run.out, model, run, schedule)
    store.save(now, saved.samples, lasting=True)  # type: ignore[arg-type]
    dist.barrier()


def memory(plan: dict[str, Any]) -> None:
    """Save a large model."""
    with torch.device("meta"):
        model = nn.Sequential(*(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(plan["layers"])))
    config = ParallelConfig(strategy="fsdp")
    shard(model, list(model), config, mesh_of(config, dist.get_world_size(), "cpu"), "fp32")
    model.to_empty(device="cpu")
    optimizer = torch.optim.AdamW(model.parameters())
    for parameter in model.parameters():
        part(parameter).rows.fill_(1.0)
        moments = {name: torch.full_like(parameter, 2.0).detach() for name in ("exp_avg", "exp_avg_sq")}
        optimizer.state[parameter] = {"step": torch.tensor(1.0), **moments}
    rank, folder = dist.get_global_rank(), Path(plan["folder"])
    disk = folder / f"disk-{rank}" if plan["apart"] else folder
    before = _peak()
    share = RankShare(model, disk)
    share.reserve()
    began = time.perf_counter()
    files = share.files(optimizer)
    copied = time.perf_counter()
    writing = Writing(disk / "partial", files, rank, None if rank else lambda _: None, share.writers, share.relay)
    writing.wait()
    written = time.perf_counter()
    assert writing.status == "ended", writing.problem
    told = {"share": 3 * sum(part(p).rows.nbytes for p in model.parameters()), "grew": _peak() - before}
    model(torch.ones(plan["tokens"], WIDTH)).sum().backward()
    times = {"copied": copied - began, "written": written - copied, "step": time.perf_counter() - written}
    (folder / f"told-{rank}").write_text(json.dumps({**told, **times}))
    dist.barrier()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


torch.set_num_threads(1)
dist.initialize_dist(DeviceCPU(), timeout=120.0)
described = json.loads(Path(sys.argv[1]).read_text())
{"copy": copy, "memory": memory}[described["what"]](described)
