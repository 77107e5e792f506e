"""Tests of the manifest that tasks' counts add up to, and of reading that of a finished dataset."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from common.errors import InputError
from dataprep.engine.dataset import build_manifest, load_manifest
from dataprep.engine.plan import Plan
from schemas.manifest import InputFile, Manifest, ShardReceipt
from tests.helpers.synthetic import TOKENIZER

INPUT = InputFile(path="in.jsonl", bytes=9, digest="d")
PLAN = Plan(kind="text", inputs=[INPUT], config={}, seed=5, output_version=1, packages={"numpy": "2"})
JOB = SimpleNamespace(seq_len=8, licences=["CC0"])


def built(plan: Plan = PLAN, **changes: Any) -> Manifest:
    shards = [ShardReceipt(name=f"shard.0000{n}.mds", samples=2, bytes=64, digest=f"{n:016x}") for n in range(2)]
    given = {"tokens": {"text": 30, "pad": 2}, "read": 7, "written": 4, "rejected": {"z": 2, "none": 0, "a": 1}}
    return build_manifest(plan, JOB, TOKENIZER, **{**given, "shards": shards, "warnings": ["w"], **changes})


def test_counts_plan_and_settings_are_in_it() -> None:
    found = built()
    assert (found.kind, found.plan, found.seed, found.seq_len, found.samples) == ("text", PLAN.hash, 5, 8, 4)
    assert (found.tokens.text, found.tokens.pad, found.tokens.total) == (30, 2, 32)
    assert list(found.rows.rejected.items()) == [("a", 1), ("z", 2)], "in order, without reasons that no row had"
    assert (found.inputs, found.licences, found.packages, found.warnings) == ([INPUT], ["CC0"], {"numpy": "2"}, ["w"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"written": 5}, "-1 input rows are unaccounted for"),
        ({"rejected": {}}, "3 input rows are unaccounted for"),
        ({"tokens": {"text": 31, "pad": 2}}, "tokens"),
        ({"shards": []}, "tokens"),
    ],
)
def test_sums_that_do_not_agree_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        built(**changes)


def test_a_download_is_no_dataset() -> None:
    with pytest.raises(ValueError, match="a download is no dataset"):
        built(PLAN.model_copy(update={"kind": "download"}))


def test_the_manifest_of_a_finished_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a finished dataset"):
        load_manifest(str(tmp_path))
    (tmp_path / "manifest.json").write_text(built().model_dump_json())
    assert load_manifest(str(tmp_path)) == built()
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match=r"manifest\.json"):
        load_manifest(str(tmp_path))
