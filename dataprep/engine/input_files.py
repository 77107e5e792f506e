"""Describes the input files of a plan: path, size, fingerprint."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from pyspark.sql import SparkSession

from common.errors import InputError, StorageError
from dataprep.storage import files, fingerprint
from schemas.manifest import InputFile


def describe_inputs(
    spark: SparkSession, paths: Iterable[str], *, sampled: bool = False, look: Callable[[str], None] | None = None
) -> list[InputFile]:
    """Size and fingerprint of every input, read on the executors; in the order of `paths`.

    Args:
        look: raises InputError for a file that is not what the job reads; importable on the executors.

    Raises:
        InputError: an input is missing, or `look` refuses it.
    """
    listed = list(paths)
    context = spark.sparkContext
    slices = min(len(listed), max(1, 4 * context.defaultParallelism)) or 1
    described = context.parallelize(listed, slices).map(functools.partial(_describe, sampled=sampled, look=look))
    found = described.collect()
    for path, answer in zip(listed, found, strict=True):
        if isinstance(answer, tuple):
            raise InputError(answer[0], file=path, remedy=answer[1])
    return [InputFile.model_validate(answer) for answer in found]


def _describe(path: str, *, sampled: bool, look: Callable[[str], None] | None) -> dict[str, Any] | tuple[str, str]:
    """Describes an input for the plan, or returns the problem with it and the remedy."""
    try:
        if look:
            look(path)
        return {"path": path, "bytes": files.size(path), "digest": fingerprint.fingerprint(path, sampled=sampled)}
    except (InputError, StorageError) as error:
        return error.problem, getattr(error, "remedy", None) or "check that every executor can read the inputs"
