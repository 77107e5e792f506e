"""Tests of the estimate of a pairs job: rows are judged as the job would, and a sample is scaled by its bytes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from dataprep.pairs import estimate as module
from dataprep.pairs.config import PairsJob
from dataprep.pairs.estimate import describe
from dataprep.tar.write import write_tar

Picture = Callable[..., bytes]


def job(folder: Path, tokenizer_dir: Path, picture: Picture, tars: int = 2, **changes: Any) -> PairsJob:
    """Tars of ten pairs each, of which two have no caption."""
    image = picture(1)
    for tar in range(tars):
        members = []
        for n in range(10):
            members += [(f"{tar}-{n}.jpg", image), (f"{tar}-{n}.txt", b"" if n in (3, 7) else b"the caption and more")]
        with open(folder / f"{tar}.tar", "wb") as out:
            write_tar(out, members)
    base = {"inputs": str(folder / "*.tar"), "out": str(folder / "out"), "tokenizer": str(tokenizer_dir)}
    return PairsJob.model_validate({**base, "seq_len": 64, "geometry": {"size": 32, "patch": 16}, **changes})


def rows_in(said: str) -> int:
    return int(said.partition("about ")[2].partition(" rows")[0].replace(",", ""))


def test_all_rows_of_small_tars_are_judged(tmp_path: Path, tokenizer_dir: Path, picture: Picture) -> None:
    said = describe(job(tmp_path, tokenizer_dir, picture))
    assert said.startswith("pairs: 2 inputs, ")
    assert "about 20 rows, 20.0% of them rejected, no_caption 20.0%" in said
    assert "about 16 images" in said
    assert "not in it" not in said
    assert not (tmp_path / "out").exists()
    (tmp_path / "list.txt").write_text("0-0\n1-1\n")
    banned = describe(job(tmp_path, tokenizer_dir, picture, banned={"uids": str(tmp_path / "list.txt")}))
    assert "banned_uid 10.0%" in banned


def test_a_sample_of_rows_is_scaled(
    tmp_path: Path, tokenizer_dir: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROWS", 15)
    monkeypatch.setattr(module, "TARS", 3)
    said = describe(job(tmp_path, tokenizer_dir, picture, tars=9))
    assert said.startswith("pairs: 9 inputs, ")
    assert rows_in(said) == pytest.approx(90, rel=0.25)


@pytest.mark.parametrize("rule", [{"deduplicate": True}, {"where": "width > 3"}, {"near_duplicates": {}}])
def test_what_a_selection_leaves_out_is_not_known(
    tmp_path: Path, tokenizer_dir: Path, picture: Picture, rule: dict[str, Any]
) -> None:
    said = describe(job(tmp_path, tokenizer_dir, picture, **rule))
    assert said.endswith("not in it: what `where`, `deduplicate` and `near_duplicates` leave out, and their first pass")


def test_missing_and_damaged_tars(tmp_path: Path, tokenizer_dir: Path, picture: Picture) -> None:
    one = job(tmp_path, tokenizer_dir, picture)
    path = tmp_path / "1.tar"
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(InputError, match=r"1\.tar"):
        describe(one)
    with pytest.raises(InputError, match="no file matches"):
        describe(one.model_copy(update={"inputs": [str(tmp_path / "none.tar")]}))
