"""Tests of the estimate of a text job: exact where all is read, scaled where it is not, and in lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from dataprep.text import estimate as module
from dataprep.text.config import TextJob
from dataprep.text.estimate import describe, estimate
from dataprep.tokens.encoder import encoder
from dataprep.tokens.tokenizer import TokenizerSpec


def job(folder: Path, tokenizer_dir: Path, files: int = 3, rows: int = 50, **changes: Any) -> TextJob:
    (folder / "in").mkdir(exist_ok=True)
    for number in range(files):
        lines = [json.dumps({"text": f"the {number} and {row % 10}"}) for row in range(rows)]
        (folder / "in" / f"{number}.jsonl").write_text("\n".join([*lines, "{bad"]) + "\n")
    settings = {"inputs": str(folder / "in"), "out": "s3://bucket/out", "tokenizer": str(tokenizer_dir)}
    return TextJob.model_validate({**settings, "seq_len": 16, "shard_bytes": 1024, **changes})


def test_small_inputs_are_read_whole(tmp_path: Path, tokenizer_dir: Path, tokenizer: TokenizerSpec) -> None:
    one = job(tmp_path, tokenizer_dir)
    found = estimate(one)
    texts = [f"the {number} and {row % 10}" for number in range(3) for row in range(50)]
    tokens = len(encoder(tokenizer).encode_reference(texts)[0]) + len(texts)
    size = sum(path.stat().st_size for path in (tmp_path / "in").iterdir())
    assert (found.files, found.bytes, found.sampled) == (3, size, size)
    assert (found.documents, found.tokens, found.rejected) == (150, tokens, pytest.approx(3 / 153))
    samples = -(-tokens // 16)
    assert (found.samples, found.shards) == (samples, -(-samples // 32))
    assert (found.id_bytes, found.choose_hours, found.warning) == (2, 0.0, None)
    assert found.read_hours > 0


def test_a_sample_is_scaled_by_the_bytes_that_were_read(
    tmp_path: Path, tokenizer_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = estimate(one := job(tmp_path, tokenizer_dir, files=10, rows=400))
    monkeypatch.setattr(module, "MIN_BYTES", 4000)
    monkeypatch.setattr(module, "MAX_FILES", 4)
    found = estimate(one)
    assert found.sampled == 4 * 1000, "of every third file a quarter of the budget"
    assert found.tokens == pytest.approx(whole.tokens, rel=0.1)
    assert found.documents == pytest.approx(4000, rel=0.1)
    assert found.rejected == 0.0, "the row that the cut falls into is left out, not rejected"


def test_the_lines_say_what_a_sample_cannot_tell(tmp_path: Path, tokenizer_dir: Path) -> None:
    said = describe(job(tmp_path, tokenizer_dir))
    assert said.startswith("reads 3 files, ")
    assert "about 150 documents" in said
    assert "1.96% of rows rejected" in said
    assert "to s3://bucket/out" in said
    assert "twice" not in said
    chosen = describe(job(tmp_path, tokenizer_dir, deduplicate=True, near_duplicates=True))
    assert chosen.startswith("reads 3 files, ")
    assert " twice\n" in chosen
    assert "deduplicate, near_duplicates: what they leave out is not known before the run" in chosen
    assert "similarity of 0.72" in chosen
    assert "to choose documents" in chosen


def test_inputs_without_a_document(tmp_path: Path, tokenizer_dir: Path) -> None:
    with pytest.raises(InputError, match=r"nothing would be written: all rows of a sample rejected: \w+ 1; "):
        estimate(job(tmp_path, tokenizer_dir, files=1, rows=0))
    with pytest.raises(InputError, match="no file matches"):
        estimate(job(tmp_path, tokenizer_dir, inputs=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("count", "said"), [(999, "999 bytes"), (1500, "1.5 kB"), (10**9, "1.0 GB"), (2 * 10**15, "2,000.0 TB")]
)
def test_sizes(count: int, said: str) -> None:
    assert module._size(count) == said


@pytest.mark.parametrize(
    ("hours", "said"), [(2.0, "2.0 core-hours"), (0.5, "30.0 core-minutes"), (0.001, "3.6 core-seconds")]
)
def test_hours(hours: float, said: str) -> None:
    assert module._hours(hours) == said
