"""Records in `OUT/run.json` which run this is. Its checkpoints carry the same, and so does its remote.

A run takes its identity with its first checkpoint and keeps it wherever its directory moves. A checkpoint of another
run in `out`, or a remote that another run writes to, would be taken for the run's own; both are refused instead.
"""

from __future__ import annotations

import uuid
from pathlib import Path

from common import atomic_files, seal
from common.errors import InputError
from schemas.strict_model import Strict

NAME = "run.json"


class Identity(Strict):
    """A run among others."""

    id: str
    name: str
    """Its `out` when it began, for messages."""


def own(out: Path) -> Identity | None:
    """The identity of the run in `out`; None before its first checkpoint, and in older runs.

    Raises:
        InputError: the file is damaged.
    """
    file = out / NAME
    return parse(file.read_bytes(), file) if file.exists() else None


def taken(out: Path) -> Identity:
    """The identity of the run in `out`, a new one if it has none."""
    found = own(out)
    if found is None:
        found = Identity(id=uuid.uuid4().hex, name=str(out))
        adopt(out, found)
    return found


def adopt(out: Path, identity: Identity) -> None:
    """Make the run in `out` the one called `identity`."""
    atomic_files.write_text(out / NAME, seal.sealed(identity.model_dump_json()))


def parse(content: bytes, place: Path | str) -> Identity:
    """The identity that `content` spells.

    Raises:
        InputError: it spells none.
    """
    try:
        return Identity.model_validate(seal.opened(content))
    except ValueError:
        raise InputError("says of no run which it is", file=place, remedy="copy the file again, or delete it") from None


def check(ours: Identity, theirs: Identity | None, place: Path | str) -> None:
    """Refuse what belongs to another run; what carries no identity is an older release's.

    Raises:
        InputError: it does.
    """
    if theirs is not None and theirs.id != ours.id:
        raise stranger(ours.name, theirs, place)


def stranger(ours: str, theirs: Identity, place: Path | str) -> InputError:
    """The error for something of run `theirs` in a place of run `ours`."""
    remedy = f"give this run an `out` and a checkpoint.remote of its own; if it is that run, copy its {NAME} to `out`"
    problem = f"belongs to the run '{theirs.name}' ({theirs.id[:8]}), not to '{ours}'"
    return InputError(problem, file=place, remedy=remedy)
