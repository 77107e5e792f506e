"""Describes a run by its plan: equal plans give byte-identical datasets, so work done under one plan is never redone.

The plan holds everything that decides the output's bytes and nothing else (no paths of outputs, no cluster sizes).
It is written to `OUT/.switchpoint/plan.json` before any work. A later run compares: the same plan goes on where the
last run stopped; a different one is refused with a diff, since its tasks' receipts would vouch for other bytes.

Of a finished dataset nothing is made any more, so there the output version and the packages may have moved on.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, JsonValue, ValidationError

from common import hub_address
from common.errors import InputError
from dataprep.engine.output_version import JobKind
from dataprep.engine.paths import LEASE_NAME, PLAN_NAME, STAGING
from dataprep.engine.rejects import FOLDER
from dataprep.storage import files
from schemas.manifest import MANIFEST_NAME, InputFile
from schemas.schema_version import refuse_later
from schemas.strict_model import Strict

_UNNAMED = 0
"""Output version of plans of schema 1, which hold a digest of source text (`code`) in place of it."""


class Plan(Strict):
    """All that decides a dataset's bytes."""

    version: Literal[2] = 2
    """Schema of this file."""
    kind: JobKind
    """Which job."""
    inputs: list[InputFile]
    config: dict[str, JsonValue]
    """The job's settings that influence bytes (not `out`, not resources)."""
    tokenizer: str | None = None
    """`TokenizerIdentity.digest`."""
    seed: int = 0
    output_version: int = Field(ge=0)
    """The job's `OUTPUT_VERSION`."""
    packages: dict[str, str]
    """From `package_versions`."""

    @property
    def hash(self) -> str:
        """sha256 of the plan's canonical JSON, first 32 hex digits."""
        return hashlib.sha256(self.json_bytes()).hexdigest()[:32]

    def json_bytes(self) -> bytes:
        """The plan as canonical JSON."""
        inputs = (one.model_dump(mode="json") for one in self.inputs)
        return files.to_json_by_item(self.model_dump(mode="json", exclude={"inputs"}), "inputs", inputs)


def begin(
    out: str, plan: Plan, *, write: bool = True, finished: bool | None = None
) -> Literal["new", "resumed", "finished"]:
    """Claim the directory `out` for `plan`; without `write`, only say what would happen.

    Args:
        finished: whether all work of a run is done; by default, whether the manifest is there.

    Returns:
        new: nothing was there; resumed: a run of the same plan did not finish; finished: the dataset is complete.

    Raises:
        InputError: `out` belongs to a different plan (the message shows the difference) or holds something else.
    """
    path, lease = files.join(out, STAGING, PLAN_NAME), files.join(out, STAGING, LEASE_NAME)
    if not files.exists(path):
        if any(not uri.startswith(files.join(out, STAGING)) for uri in files.list_files(out)):
            raise InputError(
                "the directory is not empty and holds no plan", file=out, remedy="use another `out`, or empty it"
            )
        if write:
            files.publish_bytes(plan.json_bytes(), path)
        return "new"
    earlier = read(path)
    if finished is None:
        finished = files.exists(files.join(out, MANIFEST_NAME))
    if finished:  # nothing is made any more, whatever would make it
        earlier = earlier.model_copy(update={"output_version": plan.output_version, "packages": plan.packages})
    rejects, changed = files.join(out, FOLDER), earlier.hash != plan.hash
    if changed and [uri for uri in files.list_files(out) if uri != lease and not uri.startswith(f"{rejects}/")] == [
        path
    ]:
        if write:  # a mistake was mended before any work, or after a run that could write nothing
            files.remove_tree(rejects)
            files.publish_bytes(plan.json_bytes(), path)
        return "new"
    if changed:
        changes = " | ".join(difference(earlier, plan))
        raise InputError(
            f"it was begun with a different plan: {changes}", file=out, remedy=_remedy(earlier, plan, finished)
        )
    if write and not finished and {*files.list_files(files.join(out, STAGING))} - {lease} == {path}:
        files.remove_tree(rejects)  # of a run that came to nothing
    return "finished" if finished else "resumed"


def read(path: str) -> Plan:
    """Read the plan file `path`, of schema 1 or 2.

    Raises:
        InputError: it is damaged, or of a later schema.
    """
    with contextlib.suppress(ValidationError):  # without a dictionary for each input
        return Plan.model_validate_json(files.read_bytes(path))
    found = files.read_json(path)
    if isinstance(found, dict) and "version" not in found and isinstance(found.pop("code", None), str):
        found |= {"output_version": _UNNAMED, "packages": {}}
    try:
        return Plan.model_validate(found)
    except ValidationError as error:
        refuse_later("plan", found, path)
        raise InputError(f"damaged plan ({error.error_count()} errors)", file=path, remedy="remove `out`") from None


def _remedy(earlier: Plan, now: Plan, finished: bool) -> str:
    """Says what to do about a plan that differs."""
    anew = "use another `out`, or remove this one"
    if finished:
        return anew
    if earlier.output_version != now.output_version:
        return f"finish it with the release that began it, {anew}"
    return f"install those versions to finish it, {anew}" if earlier.packages != now.packages else anew


def difference(earlier: Plan, now: Plan) -> list[str]:
    """Every field that differs, as `field: earlier -> now`; at most five inputs are listed by name.

    Of a plan that names no output version, the packages are not known either: only the version is said to differ.
    """
    before, after = _commits(earlier), _commits(now)
    moved = {name: commit for name, commit in before.items() if after.get(name, commit) != commit}
    lines = [
        f"hf://datasets/{name}: commit {commit} -> {after[name]} (write {name}@{commit} to stay at it)"
        for name, commit in sorted(moved.items())
    ]
    old_inputs = {_at(one.path, after if moved else {}): one for one in earlier.inputs}
    new_inputs = {one.path: one for one in now.inputs}
    lines += _shortened([f"input {path}: removed" for path in old_inputs.keys() - new_inputs.keys()])
    lines += _shortened([f"input {path}: added" for path in new_inputs.keys() - old_inputs.keys()])
    both = old_inputs.keys() & new_inputs.keys()
    lines += _shortened(
        [f"input {path}: content changed" for path in both if _differ(old_inputs[path], new_inputs[path])]
    )
    if not lines and earlier.inputs != now.inputs:
        lines.append("inputs: order changed")
    old, new = (plan.model_dump(mode="json", exclude={"inputs"}) for plan in (earlier, now))
    if old["output_version"] == _UNNAMED != new["output_version"]:
        del old["output_version"], old["packages"], new["packages"]
    return lines + list(_changed(old, new, ""))


def _commits(plan: Plan) -> dict[str, str]:
    """The commit of each dataset of the hub among the inputs."""
    places = (hub_address.parse(one.path) for one in plan.inputs if one.path.startswith(hub_address.SCHEME))
    return {place.repository: place.revision for place in places}


def _at(path: str, commits: dict[str, str]) -> str:
    """`path` at the commit that `commits` names for its dataset."""
    if not commits or not path.startswith(hub_address.SCHEME):
        return path
    place = hub_address.parse(path)
    return place._replace(revision=commits.get(place.repository, place.revision)).uri


def _differ(one: InputFile, other: InputFile) -> bool:
    return (one.bytes, one.digest) != (other.bytes, other.digest)


class _Absent:
    def __repr__(self) -> str:
        return "absent"


_ABSENT = _Absent()


def _changed(old: Any, new: Any, field: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _changed(old.get(key, _ABSENT), new.get(key, _ABSENT), f"{field}.{key}" if field else key)
    elif _ABSENT in (old, new) or files.to_json(old) != files.to_json(new):  # as the hash sees it: 0 is not False
        yield f"{field}: {old!r} -> {new!r}"


def _shortened(lines: list[str]) -> list[str]:
    lines = sorted(lines)
    return lines if len(lines) <= 5 else [*lines[:5], f"and {len(lines) - 5} more"]
