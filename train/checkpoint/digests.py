"""Checks a checkpoint's files against the digests in its `state.json`, which carries a seal over itself.

This module imports neither torch nor Composer, for processes that start in a moment.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from common import file_digests, seal
from common.errors import InputError
from schemas.schema_version import refuse_later
from train.checkpoint.names import KINDS, SCHEDULE, STATE, content, tensor_file

log = logging.getLogger(__name__)
REMEDY = "copy the folder anew, name an earlier checkpoint, or let the run go back with `checkpoint.damaged: go_back`"


class DamagedError(InputError):
    """A checkpoint's files are not those that were saved."""


def damaged(problem: str, place: Path | str) -> DamagedError:
    """The error that names the checkpoint at `place`."""
    return DamagedError(f"this checkpoint is damaged: {problem}", file=place, remedy=REMEDY)


def content_of(said: dict[str, Any], place: Path | str) -> tuple[str, ...]:
    """The files besides `state.json` of the checkpoint whose `state.json` says `said`.

    Raises:
        DamagedError: it does not name all of them, or others.
    """
    if said.get("version") == 1:
        return content((*map(tensor_file, KINDS), SCHEDULE)) or ()
    named = content(said.get("digests") or ())
    if named is None:
        raise damaged(f"{STATE} names other files than a checkpoint has", place)
    return named


def check_seal(state: bytes, place: Path | str) -> dict[str, Any]:
    """Checks the seal of a `state.json` and returns what it says; releases before version 2 wrote none.

    Raises:
        DamagedError: it is no JSON object, or does not say what was saved.
        InputError: a later release wrote it, and may seal otherwise.
    """
    try:
        said = json.loads(state)
    except (ValueError, RecursionError) as error:
        raise damaged(f"{STATE} is no JSON ({error})", place) from None
    if not isinstance(said, dict):
        raise damaged(f"{STATE} holds no object", place)
    refuse_later("checkpoint", said, place)
    if (said.get("version") != 1 or "seal" in said) and not seal.is_sealed(said):
        raise damaged(f"{STATE} does not say what was saved", place)
    return said


def check(folder: Path, place: Path | str | None = None) -> None:
    """Compare every file of a checkpoint with its digest; `place` is named in messages instead of `folder`.

    Raises:
        DamagedError: a file is missing or another one.
        InputError: it is no checkpoint, or cannot be read.
    """
    place = folder if place is None else place
    try:
        said = check_seal((folder / STATE).read_bytes(), place)
        if said.get("version") == 1:
            log.warning("%s: made by an older release, without digests: its content is not verified", place)
            return
        due = {name: said["digests"][name] for name in content_of(said, place)}
        for problem in file_digests.differing(folder, due):
            raise damaged(problem, place)
    except OSError as error:
        problem = f"not a checkpoint of this trainer ({error})"
        raise InputError(problem, file=place, remedy="give a directory with state.json and *.safetensors") from None
