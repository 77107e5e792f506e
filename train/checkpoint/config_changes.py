"""Says what a run's config may change when it goes on from a checkpoint: refuses what changes the function of the
weights, and lists everything else in `OUT/changes.jsonl`.

The list is part of what defines the run, as `faults.jsonl` is: a line says from which position on a key has which
value. Lines at or past the checkpoint belong to steps that will be trained again, and are written anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import Field

from common import atomic_files, json_lines
from common.errors import InputError
from common.pictures import RULE
from schemas.schedule import Schedule
from schemas.strict_model import Strict
from train.checkpoint.state import Saved, schedule_of
from train.config.run_config import RunConfig

CHANGES_NAME = "changes.jsonl"
PLACES = ("schedule", "out", "branch_from")
"""Keys that are not compared: where things lie (the schedule's content is compared by its hash)."""
PICTURES = "pictures"
"""Key of the rule by which pictures become pixels (`Saved.pictures`). It is the release's, not the config's."""
FUNCTION = ("model.decoder.", "model.mask_documents", "model.end_of_text")
"""Keys under which the same weights compute something else. The encoder's are `Saved.decoder_only`'s to judge: another
one is welcome until the first image."""


class Change(Strict):
    """A line of `changes.jsonl`."""

    position: int = Field(ge=0)
    """Sample from which on the new value counts."""
    key: str
    before: Any
    after: Any


def settled(run: RunConfig, saved: Saved | None) -> RunConfig:
    """The config with what it leaves to the checkpoint that it goes on from: None for a new run."""
    if run.model.end_of_text is not None:
        return run
    end_of_text = saved.run.model.end_of_text if saved else "opens"
    return run.model_copy(update={"model": run.model.model_copy(update={"end_of_text": end_of_text})})


def changed(saved: Saved, run: RunConfig) -> dict[str, tuple[Any, Any]]:
    """Each key whose value differs from the checkpoint's, with both values."""
    one, other = _flat(saved.run), _flat(settled(run, saved))
    keys = sorted(one.keys() | other.keys())
    return {key: (one.get(key), other.get(key)) for key in keys if one.get(key) != other.get(key)}


def check_function(saved: Saved, run: RunConfig, checkpoint: Path) -> None:
    """Refuse a config under which the checkpoint's weights would compute something else.

    Raises:
        InputError: it is one.
    """
    for key, (before, after) in changed(saved, run).items():
        if key.startswith(FUNCTION):
            raise InputError(
                f"{after!r} now, but these weights were trained with {before!r}",
                file=checkpoint,
                field=key,
                remedy="put it back, or train another run in a new `out`",
            )


def record(out: Path, saved: Saved | None, run: RunConfig) -> None:
    """Bring `out`/changes.jsonl up to date for a run that goes on from `saved`, or from its beginning.

    Another rule for pictures is said on stderr too, since nothing in the config tells of it.

    Raises:
        InputError: the file is damaged.
    """
    file = out / CHANGES_NAME
    position = saved.position if saved else 0
    lines = [change for change in read(out) if change.position < position]
    if saved is not None:
        differing = changed(saved, run).items()
        lines += [Change(position=position, key=key, before=one, after=other) for key, (one, other) in differing]
        if saved.geometry is not None and saved.pictures != RULE:
            lines.append(Change(position=position, key=PICTURES, before=saved.pictures, after=RULE))
            print(
                f"warning: {out}: pictures are seen by rule {RULE} from sample {position:,} on, by rule "
                f"{saved.pictures} before (docs/training.md); go on with the older release to keep that one",
                file=sys.stderr,
            )
    if lines:
        atomic_files.write_text(file, "".join(json_lines.line(line.model_dump_json()) for line in lines))
    else:
        file.unlink(missing_ok=True)


def described(checkpoint: Path, saved: Saved, run: RunConfig, schedule: Schedule, ranks: int) -> str:
    """Makes the line that a run begins with: where it goes on from, and what of ranks, batch and config has changed."""
    own = run.out in checkpoint.parents
    whence = "going on from" if own else f"branching from {checkpoint},"
    earlier = schedule_of(checkpoint)
    sizes = [("ranks", saved.ranks or ranks, ranks)]
    sizes += [("batch", earlier.global_batch, schedule.global_batch)] if earlier else []
    changes = [f"{what} {before} -> {after}" for what, before, after in sizes if before != after]
    changes += [f"{key} {before} -> {after}" for key, (before, after) in changed(saved, run).items()]
    what = f"; changed since: {', '.join(changes)}" if changes and own else ""
    return f"{whence} step {saved.step:,} (sample {saved.position:,}, {saved.tokens:,} tokens){what}"


def read(out: Path) -> list[Change]:
    """The changes that a run has seen, oldest first.

    Raises:
        InputError: the file is damaged.
    """
    file = out / CHANGES_NAME
    if not file.exists():
        return []
    found = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            found.append(Change.model_validate_json(json_lines.opened(line)))
        except ValueError:
            remedy = "copy it from checkpoint.remote, or remove the line: the run's record then lacks this change"
            raise InputError("not a change of the config", file=file, line=number, remedy=remedy) from None
    return found


def _flat(run: RunConfig) -> dict[str, Any]:
    """The config's values by dotted key; a decoder that is named by its size is spelt out."""
    whole = run.model_dump(mode="json", exclude=set(PLACES))
    whole["model"] |= {"size": None, "decoder": run.model.shape.model_dump(mode="json")}
    return dict(_leaves(whole, ""))


def _leaves(value: Any, key: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name, inner in value.items() for leaf in _leaves(inner, f"{key}.{name}" if key else name)]
    return [(key, json.loads(json.dumps(value)))]
