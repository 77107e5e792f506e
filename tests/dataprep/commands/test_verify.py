"""Tests of what `verify` prints of a dataset: that it is sound, or the first of its problems and how many there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataprep.__main__ import main
from dataprep.commands import verify
from tests.helpers import synthetic
from tests.helpers.commands import assert_refused


def test_a_sound_dataset_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = synthetic.write(tmp_path, "text", 60)
    assert main(["verify", str(out)]) == 0
    shards = len(list(out.glob("*.mds")))
    ids = "1,920 ids (1,920 text, 0 caption, 0 visual, 0 pad)"
    assert capsys.readouterr().out == f"{out}: sound: {shards} shards, 60 samples, {ids}, 60 of 60 rows\n"


def test_the_first_problems_are_listed_and_all_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_SHOWN", 2)
    out = synthetic.write(tmp_path, "text", 60)
    shards = sorted(out.glob("*.mds"))
    for shard in shards[:4]:
        shard.write_bytes(shard.read_bytes()[:-1] + b"\xff")
    assert main(["verify", str(out)]) == 1
    *listed, last = capsys.readouterr().out.splitlines()
    assert len(listed) == 2
    assert shards[0].name in listed[0]
    assert last.startswith(f"{out}: ")
    assert int(last.removeprefix(f"{out}: ").removesuffix(" problems")) >= 4


def test_what_is_no_dataset_is_refused(tmp_path: Path) -> None:
    assert_refused(main, ["verify", str(tmp_path)], match="not a finished dataset")
