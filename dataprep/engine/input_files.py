"""Describes the input files of a plan: path, size, fingerprint."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

from pyspark.sql import SparkSession

from common.errors import InputError, StorageError
from dataprep.storage import files, fingerprint
from schemas.manifest import InputFile


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
        return {"path": path, "bytes": files.size(path), "digest": fingerprint.fingerprint(path, sampled=sampled)}
    except (InputError, StorageError) as error:
        return error.problem
