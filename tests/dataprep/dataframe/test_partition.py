"""One partition as shards: which rows are documents, and that their keys ascend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import tokenizers

from common.errors import InputError
from dataprep.dataframe import partition
from dataprep.dataframe.partition import Written, write
from tests.dataprep.dataframe.conftest import Make
from tests.helpers.folders import tree


def batches(keys: list[Any], documents: list[Any] | pa.Array, kind: pa.DataType | None = None) -> list[pa.RecordBatch]:
    """The rows, two a batch."""
    values = documents if isinstance(documents, pa.Array) else pa.array(documents, kind)
    whole = pa.record_batch([pa.array(keys), values], names=["id", "document"])
    return [whole.slice(at, 2) for at in range(0, len(keys), 2)]


def test_ids_in_any_form_give_the_shards_of_their_texts(make: Make, tmp_path: Path, tokenizer_dir: Path) -> None:
    texts = [f"the caption of {n} " + "word " * n for n in range(9)]
    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json"))
    ids = [one.ids for one in tokenizer.encode_batch(texts, add_special_tokens=False)]
    keys = list(range(9))
    forms: list[tuple[str, Any, pa.DataType, dict[str, Any]]] = [
        ("text", texts, pa.string(), {}),
        ("ids", ids, pa.list_(pa.int64()), {}),
        ("ids", [[*one, 0] if n % 2 else one for n, one in enumerate(ids)], pa.list_(pa.int16()), {}),
        ("bytes", [np.array(one, "<u4").tobytes() for one in ids], pa.binary(), {"ids_type": "uint32"}),
    ]
    found = []
    for number, (kind, values, form, options) in enumerate(forms):
        target = make(kind, run=f"a{number}", shard_bytes=1024, **options)
        assert target.spec.identity.end_of_text_id == 0
        receipt = write(iter(batches(keys, values, form)), target, 3, "b")
        found.append([(about["samples"], about["digest"]) for _, about in receipt.shards])
        assert (receipt.rows, receipt.written, receipt.first, receipt.last) == (9, 9, (0,), (8,))
        assert receipt.ids == sum(map(len, ids)) + 9
        assert receipt.shards[0][0]["raw_data"]["basename"] == f"shard.03000.a{number}-b.mds"
    assert found[0]
    assert all(one == found[0] for one in found)
    assert not [name for name in tree(tmp_path / "out") if not name.startswith("shard.")]


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([1, 2, 3, 2], r"key: id 2 comes after 3; sort it first: df\.orderBy\('id'\)"),
        ([1, 2, 2], "key: id 2 comes twice; leave all but one out"),
        ([None, 1], "key: a row has no id; leave such rows out"),
        (["b", "é", "z"], r"key: id z comes after é"),
    ],
)
def test_keys_ascend(make: Make, tmp_path: Path, keys: list[Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        write(iter(batches(keys, ["text"] * len(keys))), make(), 0, "b")
    assert not tree(tmp_path / "out")


def test_a_partition_of_too_many_shards_names_the_remedy(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "SHARDS", 2)
    with pytest.raises(InputError, match="partition 0 would have 13 shards, and 2 is the most; use more partitions"):
        write(iter(batches([1], ["word " * 2500])), make(shard_bytes=2048), 0, "b")


def test_an_empty_partition_is_a_receipt_of_nothing(make: Make) -> None:
    assert write(iter([]), make(), 7, "b") == Written(7)
