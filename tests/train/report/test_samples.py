"""Tests that samples of each phase are shown as they were read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from tests.helpers import synthetic
from tests.helpers.run_folder import write_run
from train.report.record import read
from train.report.samples import first_of_each


def test_samples_of_each_phase_are_shown_as_they_were_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = Tokenizer(WordLevel({f"w{n}": n for n in range(60)}, unk_token="w0"))
    words.save(str(tmp_path / "tokenizer.json"))
    digest = hashlib.sha256((tmp_path / "tokenizer.json").read_bytes()).hexdigest()
    monkeypatch.setattr(synthetic, "TOKENIZER", synthetic.TOKENIZER.model_copy(update={"digest": digest}))
    write_run(tmp_path)
    found = first_of_each(read(tmp_path / "run"), tmp_path)
    assert [(one.phase, one.source) for one in found] == [
        ("text", "text"), ("mixed", "text"), ("mixed", "pairs"), ("tuning", "conversations"),
    ]  # fmt: skip
    for one in found:
        assert one.text.startswith("w2")
        assert bool(one.pictures) == (one.source != "text")
