"""Checks what a run has left: every checkpoint, its logs, and its remote. Nothing is changed.

The audit proves which samples were read; this says whether the files that tell so are those that were written.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from common import json_lines
from common.errors import InputError
from train.callbacks.fault_log import FAULTS_NAME, Fault
from train.callbacks.metrics_log import METRICS_NAME, sound_bytes
from train.checkpoint import config_changes, digests, folder, identity, state
from train.checkpoint.remote_store import RemoteError, RemoteStore
from train.checkpoint.state import Saved


def problems(out: Path) -> Iterator[str]:
    """Lists what is wrong with the run in `out`, a line each; nothing if all is well."""
    sound: dict[str, Saved] = {}
    for path in folder.complete(out / folder.FOLDER):
        try:
            sound[path.name] = _checkpoint(out, path)
        except InputError as error:
            yield str(error)
    try:
        config_changes.read(out)
    except InputError as error:
        yield str(error)
    yield from _faults(out)
    if not sound:
        yield f"{out}: no sound checkpoint"
        return
    newest = max(sound)
    try:
        sound_bytes(out / METRICS_NAME, sound[newest].position, reaches=sound[newest].position > 0)
    except InputError as error:
        yield str(error)
    remote = sound[newest].run.checkpoint.remote
    if remote is not None:
        try:
            yield from _remote(out, RemoteStore(remote), sound)
        except (InputError, RemoteError) as error:
            yield str(error)


def _checkpoint(out: Path, path: Path) -> Saved:
    digests.check(path)
    saved = state.read(path)
    if saved.position != int(path.name):
        raise digests.damaged(f"it holds position {saved.position:,}, which is not its name's", path)
    ours = identity.own(out)
    if ours is not None:
        identity.check(ours, saved.identity, path)
    return saved


def _faults(out: Path) -> Iterator[str]:
    file = out / FAULTS_NAME
    for number, line in enumerate(file.read_bytes().splitlines() if file.exists() else [], 1):
        try:
            Fault.model_validate_json(json_lines.opened(line))
        except ValueError:
            yield f"{file}:{number}: not a fault"


def _remote(out: Path, store: RemoteStore, sound: dict[str, Saved]) -> Iterator[str]:
    """Compare what the remote says of its checkpoints with the disk; tensors are verified when they are fetched."""
    ours = identity.own(out)
    if ours is not None:
        identity.check(ours, store.identity(), store.uri)
    there = store.complete()
    if max(sound) not in there:
        yield f"{store.uri}: lacks the newest checkpoint, {max(sound)}; the run's command uploads it"
    for name in there:
        place = f"{store.uri}/{name}"
        try:
            saved = state.parse(store.state(name), place)
        except InputError as error:
            yield str(error)
            continue
        if name in sound and saved.digests != sound[name].digests:
            yield f"{place}: another checkpoint than the one on disk"
