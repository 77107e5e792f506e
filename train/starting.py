"""Where a run goes on: its own latest checkpoint, on disk or remote, else the one that it branches from.

Rank 0 chooses, and the others follow: disks of different nodes may hold different things.
"""

from __future__ import annotations

from pathlib import Path

import torch
from composer.utils import dist

from schemas.errors import InputError
from schemas.schedule import Schedule
from train import checkpoint
from train.checkpoint import Saved
from train.config import RunConfig
from train.loader.resume import check_past
from train.remote import RemoteError, RemoteStore


def starting_point(run: RunConfig, schedule: Schedule, remote: RemoteStore | None) -> tuple[Path, Saved] | None:
    """The checkpoint to start from and what it says of itself; None for a run from its beginning.

    Raises:
        InputError: the schedule's past is not the checkpoint's, or some rank cannot read it.
    """
    path = _own(run, remote)
    if path is None and run.branch_from is not None:
        path = checkpoint.branching_point(run.branch_from, schedule)
    if path is None:
        return None
    saved = checkpoint.read(path)
    check_past(schedule, saved.position, saved.past, checkpoint.schedule_of(path))
    return path, saved


def _own(run: RunConfig, remote: RemoteStore | None) -> Path | None:
    folder = run.out / checkpoint.FOLDER
    told: list[str | None] = [None, None]
    if dist.get_global_rank() == 0:
        try:
            names = [path.name for path in checkpoint.complete(folder)] + (remote.complete() if remote else [])
            told = [max(names, default=None), None]
        except RemoteError as error:
            told = [None, str(error)]
    dist.broadcast_object_list(told)
    name, problem = told
    if problem is None and name is None:
        return None
    if problem is None and remote is not None and dist.get_local_rank() == 0 and not (folder / str(name)).exists():
        try:
            remote.get(str(name), folder)
            remote.get_logs(run.out)
        except RemoteError as error:
            problem = str(error)
    missing = torch.tensor([int(problem is not None)])
    if dist.get_world_size() > 1:
        device = torch.device("cuda") if torch.cuda.is_available() else torch.device("cpu")
        missing = missing.to(device)
        dist.all_reduce(missing)
        present = torch.tensor([int(not (folder / str(name)).exists())], device=device)
        dist.all_reduce(present)
        missing += present
    if int(missing):
        raise InputError(
            f"checkpoint {name or ''} cannot be read on every node ({problem or 'it is not there'})",
            file=run.out,
            remedy="put `out` on storage that all nodes share, or set checkpoint.remote; then start again",
        )
    return folder / str(name)
