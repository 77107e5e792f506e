"""Options of `format("mds")` against the columns of a DataFrame: each mistake is named, with what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pyspark.sql import types

from common.errors import InputError
from dataprep.dataframe.options import MdsOptions, Target
from tests.dataprep.dataframe.conftest import Make

TYPES = {
    "id": types.IntegerType(),
    "url": types.StringType(),
    "text": types.StringType(),
    "score": types.DoubleType(),
    "blob": types.BinaryType(),
    "rows": types.ArrayType(types.DoubleType()),
}
COLUMNS = types.StructType([types.StructField(name, kind) for name, kind in TYPES.items()])


def of(tokenizer_dir: Any, **options: Any) -> Target:
    every = {"path": "out", "key": "id", "column": "text", "tokenizer": str(tokenizer_dir)} | options
    return Target.of(
        MdsOptions.parse({name: value for name, value in every.items() if value is not None}), COLUMNS, "r"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": None}, "key: format 'mds': Field required; the options are path, key, column"),
        ({"seq_lenn": "2"}, "seq_lenn: format 'mds': Extra inputs are not permitted; the options are"),
        ({"seq_len": "many"}, "seq_len: format 'mds': Input should be a valid integer"),
        ({"compression": "gzip"}, "compression: format 'mds': String should match pattern"),
        ({"key": "no"}, "key: no column no, or several; name one; the DataFrame has id, url, text"),
        ({"key": "id,score"}, "key: score is double; sort by integers, text, binary, dates or timestamps"),
        ({"column": None}, r"column: which column holds the documents\?; name it; the DataFrame has id, url"),
        ({"column": "no"}, "column: no column no, or several"),
        ({"column": "score"}, "column: score is double; give text, an array of integers, or binary with"),
        ({"column": "rows"}, "column: rows is array<double>; give text, an array of integers"),
        ({"column": "blob"}, "ids_type: blob is binary; say uint16 or uint32, as its ids are"),
        ({"tokenizer": "/none"}, "/none/tokenizer.json: cannot read the file"),
        ({"pad": "<|no|>"}, r"pad: the vocabulary has no special token '<\|no\|>'"),
        ({"shard_bytes": "1024", "seq_len": "2048"}, "shard_bytes: less than one sample; use at least 4,096"),
    ],
)
def test_each_mistake_is_named(tokenizer_dir: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        of(tokenizer_dir, **options)


def test_texts_of_options_become_what_they_mean(tokenizer_dir: Any, make: Make) -> None:
    target = of(tokenizer_dir, key="url, id", seq_len="32", shard_bytes="64 KiB", ids_type="uint32", column="blob")
    assert (target.keys, target.kind, target.options.seq_len) == (("url", "id"), "bytes", 32)
    assert target.per_shard == (64 << 10) // 64
    assert target.ids_type == np.dtype("<u4")
    assert make("ids").column == "document", "the one that is no key"
    assert make("ids").layout.columns == {"tokens": "ndarray:uint16:16"}
