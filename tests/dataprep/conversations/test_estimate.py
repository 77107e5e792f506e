"""The forecast of a conversations job: of a small input, all of which is looked at, it is the outcome."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.estimate import RUN_ROWS, describe


def job(folder: Path, tokenizer_dir: Path, rows: list[dict[str, Any]]) -> ConversationsJob:
    (folder / "rows.json").write_text(json.dumps(rows))
    base = {"inputs": str(folder / "rows.json"), "image_root": str(folder), "out": str(folder / "out")}
    shape = {"seq_len": 64, "geometry": {"size": 32, "patch": 16}, "tokenizer": str(tokenizer_dir)}
    return ConversationsJob.model_validate({**base, **shape})


def rows_of(count: int, answer: str = "yes") -> list[dict[str, Any]]:
    turns = [{"from": "human", "value": "Is it so?"}, {"from": "gpt", "value": answer}]
    return [{"id": str(n), "conversations": turns} for n in range(count)]


def test_all_rows_looked_at_are_all_that_there_are(tmp_path: Path, tokenizer_dir: Path) -> None:
    missing = {"id": "m", "image": "none.jpg", "conversations": [{"from": "human", "value": "<image>?"}] * 2}
    said = describe(job(tmp_path, tokenizer_dir, [*rows_of(9), missing]))
    assert said.startswith("conversations: 1 files; images below ")
    assert "about 10 rows, 10.0% of them rejected, turns_do_not_alternate 10.0%" in said
    assert "about 0 images" in said
    assert not (tmp_path / "out").exists()


def test_a_sample_is_scaled_up(tmp_path: Path, tokenizer_dir: Path) -> None:
    count = 25 * RUN_ROWS
    said = describe(job(tmp_path, tokenizer_dir, rows_of(count)))
    rows = int(said.partition("about ")[2].partition(" rows")[0].replace(",", ""))
    assert abs(rows - count) < 0.02 * count


def test_nothing_that_would_be_written(tmp_path: Path, tokenizer_dir: Path) -> None:
    said = describe(job(tmp_path, tokenizer_dir, rows_of(3, answer="no " * 100)))
    assert "none of 3 sampled rows would be written: conversation_too_long 3" in said


def test_bad_input_is_named(tmp_path: Path, tokenizer_dir: Path) -> None:
    one = job(tmp_path, tokenizer_dir, rows_of(1))
    (tmp_path / "rows.json").write_text('[{"id": 1}, {"id"')
    with pytest.raises(InputError, match=r"rows\.json"):
        describe(one)
    (tmp_path / "rows.json").unlink()
    with pytest.raises(InputError, match=r"rows\.json"):
        describe(one)
