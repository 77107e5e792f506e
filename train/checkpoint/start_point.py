"""Chooses where a run goes on: its own latest checkpoint, on disk or remote, else the one that it branches from.

Rank 0 chooses, and the others follow: disks of different nodes may hold different things. What is chosen from a remote
is fetched once a node.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from composer.utils import dist

from common.errors import InputError
from common.uri import is_remote
from schemas.schedule import Schedule
from train.checkpoint import config_changes, digests, identity, state
from train.checkpoint import folder as checkpoint_folder
from train.checkpoint.digests import DamagedError
from train.checkpoint.history_check import check_past
from train.checkpoint.names import STATE, is_checkpoint
from train.checkpoint.patient_group import patient_group
from train.checkpoint.remote_store import RemoteError, RemoteStore
from train.checkpoint.state import Saved
from train.config.run_config import RunConfig

TRUNK = "trunk"
"""Folder in `out` for a checkpoint of another run, from its arrival until it has been loaded."""


class Choice(NamedTuple):
    """Names the checkpoint that a run starts from."""

    path: Path
    """Where it is on disk, or will be."""
    remote: str | None
    """What to fetch it from, on nodes whose disk has not got it."""


def starting_point(run: RunConfig, schedule: Schedule) -> tuple[Path, Saved] | None:
    """The checkpoint to start from and what it says of itself; None for a run from its beginning.

    Raises:
        InputError: the schedule's past is not the checkpoint's, there is none to branch from, or some node has no
            access to it.
        DamagedError: it is not what was saved, and the run is not to go back to the one before it.
    """
    while True:
        choice = _chosen(run, schedule)
        if choice is None:
            return None
        damage = _on_every_node(choice, run)
        if damage is None:
            break
        if run.checkpoint.damaged == "stop" or choice.path.parent != run.out / checkpoint_folder.FOLDER:
            raise damage
        _set_aside(choice, damage)
    saved = state.read(choice.path)
    if is_checkpoint(choice.path.name) and int(choice.path.name) != saved.position:
        raise digests.damaged(f"it holds position {saved.position:,}, which is not its name's", choice.path)
    own = choice.path.parent == run.out / checkpoint_folder.FOLDER
    if own:
        _check_identity(run, saved, choice.path)
    config_changes.check_function(saved, run, choice.path)
    check_past(schedule, saved.position, saved.past, state.schedule_of(choice.path), branch=not own)
    return choice.path, saved


def _chosen(run: RunConfig, schedule: Schedule) -> Choice | None:
    """Returns on all ranks what rank 0 chooses."""
    told: list[Choice | InputError | None] = [None]
    if dist.get_global_rank() == 0:
        try:
            told = [_own(run, schedule) or _branch(run, schedule)]
        except InputError as error:
            told = [error]
    dist.broadcast_object_list(told, group=patient_group())  # remotes may be slow to answer
    choice = told[0]
    if isinstance(choice, InputError):
        raise choice
    return choice


def drop_trunk(run: RunConfig) -> None:
    """Remove the copy of a remote trunk, after all ranks have loaded it."""
    if dist.get_world_size() > 1:
        dist.barrier(patient_group())
    if dist.get_local_rank() == 0:
        shutil.rmtree(run.out / TRUNK, ignore_errors=True)


def _own(run: RunConfig, schedule: Schedule) -> Choice | None:
    """The run's own latest, whether on disk or remote."""
    folder, uri = run.out / checkpoint_folder.FOLDER, run.checkpoint.remote
    names = [path.name for path in checkpoint_folder.complete(folder)]
    if uri is not None:
        try:
            store = RemoteStore(uri)
            there = store.complete()
            _check_remote(run, schedule, store, there)
            names += there
        except RemoteError as error:
            remedy = "mend the remote; or go on from the disk alone, without checkpoint.remote"
            raise InputError(f"cannot ask for checkpoints ({error})", file=run.out, remedy=remedy) from None
    return Choice(folder / max(names), uri) if names else None


def _check_remote(run: RunConfig, schedule: Schedule, store: RemoteStore, names: list[str]) -> None:
    """Refuse another run's remote. A run without an identity (an empty disk) takes the remote's, if it is that run."""
    ours, theirs = identity.own(run.out), store.identity()
    if theirs is None:
        return
    if ours is not None:
        identity.check(ours, theirs, store.uri)
        return
    if theirs.name != str(run.out):
        saved = state.parse(store.state(names[-1]), f"{store.uri}/{names[-1]}") if names else None
        if saved is None or saved.schedule != schedule.hash or _differs(saved, run):
            raise identity.stranger(str(run.out), theirs, store.uri)
    identity.adopt(run.out, theirs)


def _differs(saved: Saved, run: RunConfig) -> bool:
    """Whether two configs describe different experiments."""
    defining = {"model", "optimizer", "seed", "precision", "global_batch"}
    return any(key.partition(".")[0] in defining for key in config_changes.changed(saved, run))


def _check_identity(run: RunConfig, saved: Saved, path: Path) -> None:
    """Refuse another run's checkpoint among the run's own; a run that has lost its identity takes theirs."""
    ours = identity.own(run.out)
    if ours is not None:
        identity.check(ours, saved.identity, path)
    elif saved.identity is not None and dist.get_local_rank() == 0:
        identity.adopt(run.out, saved.identity)


def _branch(run: RunConfig, schedule: Schedule) -> Choice | None:
    """Where it leaves another run: the newest checkpoint whose past both share. A single one is taken as it is."""
    place = run.branch_from
    if place is None:
        return None
    if not is_remote(place):
        path = Path(place)
        if (path / STATE).is_file():
            return Choice(path, None)
        found = checkpoint_folder.complete(path / checkpoint_folder.FOLDER) or checkpoint_folder.complete(path)
        shared = next((one for one in reversed(found) if _shared(state.read(one), schedule)), None)
        return Choice(shared or _none(place, len(found)), None)
    try:
        parent, _, name = place.rstrip("/").rpartition("/")
        if is_checkpoint(name) and name in RemoteStore(parent, "branch_from").complete():
            return Choice(run.out / TRUNK / name, parent)
        store = RemoteStore(place, "branch_from")
        names = store.complete()
        pasts = ((one, state.parse(store.state(one), f"{store.uri}/{one}")) for one in reversed(names))
        shared_name = next((one for one, saved in pasts if _shared(saved, schedule)), None)
    except RemoteError as error:
        problem = f"cannot read checkpoints ({error})"
        raise InputError(problem, field="branch_from", remedy="correct the place or the credentials") from None
    return Choice(run.out / TRUNK / (shared_name or _none(place, len(names))), store.uri)


def _shared(saved: Saved, schedule: Schedule) -> bool:
    return saved.position <= schedule.total_samples and schedule.prefix_hash(saved.position) == saved.past


def _none(place: str, looked_at: int) -> Path:
    problem, remedy = "no checkpoint here", "give a run's `out` or `checkpoint.remote`, or one of its checkpoints"
    if looked_at:
        problem = "no checkpoint here shares its past with the schedule"
        remedy = "branch at a switch point that both schedules have: a run always keeps those checkpoints"
    raise InputError(problem, file=place, field="branch_from", remedy=remedy)


def _set_aside(choice: Choice, damage: DamagedError) -> None:
    """Take a damaged checkpoint's name away: on every disk that has it, else in the remote that it came from."""
    aside = choice.path.with_name(f"{choice.path.name}.damaged")
    if dist.get_local_rank() == 0 and choice.path.exists():
        shutil.rmtree(aside, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):  # another node with the same disk was first
            choice.path.rename(aside)
    elif dist.get_global_rank() == 0 and choice.remote is not None:
        RemoteStore(choice.remote).withdraw(choice.path.name)
    if dist.get_global_rank() == 0:
        print(f"warning: {damage.problem} ({choice.path}): going back to the one before it", file=sys.stderr)
    if dist.get_world_size() > 1:
        dist.barrier(patient_group())


def _on_every_node(choice: Choice, run: RunConfig) -> DamagedError | None:
    """Fetch what is not on this node's disk and verify it; all ranks learn whether all nodes have it.

    Returns:
        How it is damaged, if it is on any node.
    """
    problem, (path, remote) = "it is not there", choice
    damage: DamagedError | None = None
    if path.exists() and dist.get_local_rank() == 0:
        damage = _damage(path)
    elif remote is not None and dist.get_local_rank() == 0:
        try:
            store = RemoteStore(remote)
            store.get(path.name, path.parent)
            if path.parent == run.out / checkpoint_folder.FOLDER:
                store.get_logs(run.out)
        except DamagedError as error:
            damage = error
        except RemoteError as error:
            problem = str(error)
    told = dist.all_gather_object(damage, patient_group())  # until every node's download is over
    if (found := next(filter(None, told), None)) is not None:
        return found
    if not all(dist.all_gather_object(path.exists(), patient_group())):
        raise InputError(
            f"checkpoint {path.name} cannot be read on every node ({problem})",
            file=path.parent,
            remedy="put `out` on storage that all nodes share, or set checkpoint.remote; then start again",
        )
    return None


def _damage(path: Path) -> DamagedError | None:
    try:
        digests.check(path)
    except DamagedError as error:
        return error
    return None
