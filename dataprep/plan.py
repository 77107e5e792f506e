"""A plan names a run: equal plans give byte-identical datasets, so work done under one plan is never redone.

The plan holds everything that decides the output's bytes and nothing else (no paths of outputs, no cluster sizes).
It is written to `OUT/.switchpoint/plan.json` before any work. A later run compares: the same plan goes on where the
last run stopped; a different one is refused with a diff, since its tasks' receipts would vouch for other bytes.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue, ValidationError
from pyspark.sql import SparkSession

from dataprep import files
from schemas.errors import InputError, StorageError
from schemas.manifest import MANIFEST_NAME, InputFile
from schemas.strict import Strict

STAGING = ".switchpoint"
"""Directory inside a dataset for all that is not part of it: plan, receipts, intermediate files."""
TEMPORARY = f"{STAGING}/tmp"
"""Files in the making, where the dataset is on local disk or HDFS: the same file system, so publishing is a rename."""
PLAN_NAME = "plan.json"
VERSION = "0.1.0"


class Plan(Strict):
    """All that decides a dataset's bytes."""

    kind: str
    """Which job: text, pairs, conversations, download."""
    inputs: list[InputFile]
    config: dict[str, JsonValue]
    """The job's settings that influence bytes (not `out`, not resources)."""
    tokenizer: str | None = None
    """`TokenizerIdentity.digest`."""
    seed: int = 0
    code: str
    """From `code_version`."""

    @property
    def hash(self) -> str:
        """sha256 of the plan's canonical JSON, first 32 hex digits."""
        return hashlib.sha256(files.to_json(self.model_dump(mode="json"))).hexdigest()[:32]


def code_version(*packages: str) -> str:
    """Version of the code that makes the bytes: the release plus a digest of `packages` and of dataprep's core.

    Args:
        packages: dotted names of packages or modules beside the core (`dataprep.text`).
    """
    state = hashlib.sha256()
    for name in sorted({"dataprep.mds", "dataprep.tokenizer", *packages}):
        path = Path(importlib.import_module(name).__file__ or "")
        for source in sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]:
            state.update(name.encode() + source.name.encode() + source.read_bytes())
    return f"{VERSION}+{state.hexdigest()[:12]}"


def describe_inputs(spark: SparkSession, paths: Iterable[str], *, sampled: bool = False) -> list[InputFile]:
    """Size and fingerprint of every input, read on the executors; in the order of `paths`.

    Raises:
        InputError: an input is missing.
    """
    listed = list(paths)
    context = spark.sparkContext
    slices = min(len(listed), max(1, 4 * context.defaultParallelism)) or 1
    found = context.parallelize(listed, slices).map(functools.partial(_describe, sampled=sampled)).collect()
    for path, answer in zip(listed, found, strict=True):
        if isinstance(answer, str):
            raise InputError(answer, file=path, remedy="check that every executor can read the inputs")
    return [InputFile.model_validate(answer) for answer in found]


def _describe(path: str, *, sampled: bool) -> dict[str, Any] | str:
    try:
        return {"path": path, "bytes": files.size(path), "digest": files.fingerprint(path, sampled=sampled)}
    except (InputError, StorageError) as error:
        return error.problem


def begin(out: str, plan: Plan, *, write: bool = True) -> Literal["new", "resumed", "finished"]:
    """Claim the directory `out` for `plan`; without `write`, only say what would happen.

    Returns:
        new: nothing was there; resumed: a run of the same plan did not finish; finished: the dataset is complete.

    Raises:
        InputError: `out` belongs to a different plan (the message shows the difference) or holds something else.
    """
    path = files.join(out, STAGING, PLAN_NAME)
    if not files.exists(path):
        if any(not uri.startswith(files.join(out, STAGING)) for uri in files.list_files(out)):
            raise InputError(
                "the directory is not empty and holds no plan", file=out, remedy="use another `out`, or empty it"
            )
        if write:
            files.publish_bytes(files.to_json(plan.model_dump(mode="json")), path)
        return "new"
    try:
        earlier = Plan.model_validate(files.read_json(path))
    except ValidationError as error:
        raise InputError(f"damaged plan ({error.error_count()} errors)", file=path, remedy="remove `out`") from None
    if earlier.hash != plan.hash and files.list_files(out) == [path]:  # a mistake was mended before any work
        if write:
            files.publish_bytes(files.to_json(plan.model_dump(mode="json")), path)
        return "new"
    if earlier.hash != plan.hash:
        changes = " | ".join(difference(earlier, plan))
        raise InputError(
            f"it was begun with a different plan: {changes}", file=out, remedy="use another `out`, or remove this one"
        )
    return "finished" if files.exists(files.join(out, MANIFEST_NAME)) else "resumed"


def difference(earlier: Plan, now: Plan) -> list[str]:
    """Every field that differs, as `field: earlier -> now`; at most five inputs are listed by name."""
    lines = []
    old_inputs, new_inputs = ({one.path: one for one in plan.inputs} for plan in (earlier, now))
    lines += _shortened([f"input {path}: removed" for path in old_inputs.keys() - new_inputs.keys()])
    lines += _shortened([f"input {path}: added" for path in new_inputs.keys() - old_inputs.keys()])
    both = old_inputs.keys() & new_inputs.keys()
    lines += _shortened([f"input {path}: content changed" for path in both if old_inputs[path] != new_inputs[path]])
    if not lines and earlier.inputs != now.inputs:
        lines.append("inputs: order changed")
    old, new = (plan.model_dump(mode="json", exclude={"inputs"}) for plan in (earlier, now))
    return lines + list(_changed(old, new, ""))


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
