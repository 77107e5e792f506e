"""JSON that orjson refuses and Python writes."""

import json

import orjson
import pytest

from dataprep.storage.json_value import loads, mended, whole


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 5000])
def test_a_number_that_is_none_costs_only_itself(number: str) -> None:
    assert loads(f'{{"score": [{number}], "text": "日本"}}'.encode()) == {"score": [None], "text": "日本"}


def test_a_lone_surrogate_is_found_and_mended_and_pairs_stay() -> None:
    data = json.dumps({"a": "x\ud800y", "b": ["\ud83d\ude00", "é"], "n": 1 << 70, "i": (1 << 64) - 1}).encode()
    value = loads(data)
    assert not whole(value)
    assert whole(value["b"])
    assert mended(value) == {"a": "x\ufffdy", "b": ["😀", "é"], "n": float(1 << 70), "i": (1 << 64) - 1}


@pytest.mark.parametrize("data", [b"{", b'{"a": \xff}', b"nan", b'{"a": "\xed\xa0\x80"}', b"[" * 100_000, b""])
def test_what_is_not_json_stays_refused(data: bytes) -> None:
    with pytest.raises(orjson.JSONDecodeError):
        loads(data)
