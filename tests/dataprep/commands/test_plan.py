"""Tests that `plan` tells the kind of a job by its keys, and its mistakes by their lines."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common import yaml_file
from dataprep.__main__ import main
from dataprep.tar.write import write_tar
from tests.helpers.commands import assert_refused

GEOMETRY = {"size": 32, "patch": 16}
TURNS = [{"from": "human", "value": "Is it so?"}, {"from": "gpt", "value": "yes"}]


@pytest.fixture
def inputs(tmp_path: Path, picture: Callable[..., bytes]) -> Path:
    (tmp_path / "text.jsonl").write_text(json.dumps({"text": "the"}) + "\n")
    (tmp_path / "rows.json").write_text(json.dumps([{"id": "1", "conversations": TURNS}]))
    pq.write_table(pa.table({"conversations": [TURNS]}), tmp_path / "talks.parquet")
    pq.write_table(pa.table({"image": [picture(1)], "caption": ["the caption"]}), tmp_path / "pairs.parquet")
    with open(tmp_path / "0.tar", "wb") as out:
        write_tar(out, [("0.jpg", picture(1)), ("0.txt", b"the caption")])
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"inputs": "text.jsonl"}, "reads 1 files"),
        ({"inputs": "0.tar", "geometry": GEOMETRY}, "pairs: 1 inputs"),
        ({"inputs": "rows.json", "geometry": GEOMETRY, "image_root": "."}, "conversations: 1 files"),
        ({"inputs": "rows.json", "geometry": GEOMETRY}, "conversations: 1 files"),
        ({"inputs": "talks.parquet", "geometry": GEOMETRY}, "conversations: 1 files"),
        ({"inputs": "pairs.parquet", "geometry": GEOMETRY}, "pairs: 1 inputs"),
    ],
)
def test_each_job_is_told_by_its_keys(
    inputs: Path, tokenizer_dir: Path, capsys: pytest.CaptureFixture[str], settings: dict[str, Any], said: str
) -> None:
    paths = {key: str(inputs / value) for key, value in settings.items() if isinstance(value, str)}
    file = inputs / "job.yaml"
    file.write_text(yaml_file.dump({**settings, **paths, "out": str(inputs / "out"), "tokenizer": str(tokenizer_dir)}))
    assert main(["plan", str(file)]) == 0
    assert capsys.readouterr().out.startswith(said)
    assert not (inputs / "out").exists()


def test_mistakes_are_told_by_their_line(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    for text, match in (
        (
            "inputs: x\nout: o\ntokenizer: t\nseq_length: 3\n",
            r"job\.yaml:4: seq_length: unknown key; did you mean 'seq_len",
        ),
        ("geometry: {size: 32}\ninputs: x\nout: o\ntokenizer: t\n", r"job\.yaml:1: geometry\.patch"),
        ("metadata: x\nout: o\nretriess: 3\n", r"job\.yaml:3: retriess: unknown key; did you mean 'retries"),
        ("metadata: x*.parquet\nout: o\n", r"x\*\.parquet: no file matches"),
        ("- a\n", r"job\.yaml"),
    ):
        file.write_text(text)
        assert_refused(main, ["plan", str(file)], match=match)
    assert_refused(main, ["plan", str(tmp_path / "none.yaml")], match=r"none\.yaml")
