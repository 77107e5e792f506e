"""Tests of the text job's settings: what decides bytes, what is refused, and which columns are read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dataprep.text.config import DCLM_FIELDS, NearDuplicates, TextJob, top_level


def job(**changes: Any) -> TextJob:
    return TextJob.model_validate({"inputs": "in", "out": "out", "tokenizer": "t", **changes})


def test_column_names_of_a_schema() -> None:
    assert top_level("a int, `b c` struct<x: int, y: array<int>>,d: decimal(10, 2)") == ["a", "b c", "d"]
    assert top_level(DCLM_FIELDS)[:2] == ["url", "language_id_whole_page_fasttext"]


def test_columns_are_those_of_the_text_of_provenance_and_of_the_predicate() -> None:
    assert job().columns == {"text", "url", "metadata"}
    fields = "language string, text string"
    changes = {"text_field": "content.body", "provenance": ["id", "a.b"], "fields": fields}
    assert job(**changes).columns == {"content", "id", "a"}, "without a predicate its columns are not read"
    assert job(**changes, where="language = 'en'").columns == {"content", "id", "a", "language", "text"}


SETS = {"sets": [{"name": "mmlu", "files": "m.jsonl", "fields": "q"}]}


@pytest.mark.parametrize(
    "rule", [{"where": "true"}, {"deduplicate": True}, {"near_duplicates": True}, {"decontaminate": SETS}]
)
def test_any_rule_is_a_selection(rule: dict[str, Any]) -> None:
    assert job(**rule).selects
    assert not job(near_duplicates=False).selects


def test_near_duplicates_are_switched_on_or_described() -> None:
    assert job(near_duplicates=True).near_duplicates == NearDuplicates()
    assert job(near_duplicates={"bands": 20}).near_duplicates == NearDuplicates(bands=20)
    assert job(near_duplicates=False).near_duplicates is None
    assert NearDuplicates(bands=14, rows=8).threshold == pytest.approx(0.719, abs=0.001), "FineWeb's setting"
    assert NearDuplicates(bands=28).threshold < NearDuplicates(rows=16).threshold


def test_where_data_lies_decides_no_byte() -> None:
    one = job().plan_config()
    assert job(inputs=["elsewhere"], out="s3://bucket/x", input_digest="sampled", tokenizer="u").plan_config() == one
    for change in ({"seq_len": 16}, {"held_out": 0.1}, {"shuffle": False}, {"where": "true"}, {"text_field": "t"}):
        assert job(**change).plan_config() != one, change


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": []}, "no inputs; name files or globs in `inputs`, or a list of them in `input_list`"),
        ({"seq_len": 2048, "shard_bytes": 8191}, "shard_bytes is less than one sample; use at least 8192"),
        ({"decontaminate": {"sets": SETS["sets"] * 2}}, "two sets have the same name"),
        ({"decontaminate": {"sets": [{**SETS["sets"][0], "name": "a b"}]}}, "name"),
        ({"held_out": 1.0}, "held_out"),
        ({"compression": "zstd:23"}, "compression"),
        ({"compression": "gzip"}, "compression"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        job(**changes)
