"""Writes of DataFrames without Spark: what its tasks and its driver do, called by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import types

from dataprep.dataframe.options import MdsOptions, Target

Make = Callable[..., Target]
OF_COLUMN = {
    "text": types.StringType(),
    "ids": types.ArrayType(types.LongType()),
    "bytes": types.BinaryType(),
}


@pytest.fixture
def make(tmp_path: Path, tokenizer_dir: Path) -> Make:
    """A target of `run` for a DataFrame of `id` and `document`."""

    def target(kind: str = "text", run: str = "aaaa", **options: Any) -> Target:
        every = {"path": str(tmp_path / "out"), "key": "id", "tokenizer": str(tokenizer_dir), "seq_len": 16, **options}
        schema = types.StructType().add("id", types.IntegerType()).add("document", OF_COLUMN[kind])
        return Target.of(MdsOptions.parse({name: str(value) for name, value in every.items()}), schema, run)

    return target
