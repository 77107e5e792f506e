"""Tests of what `remove` takes and says: values or files of them, a dry run, and that nothing matches."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from dataprep.__main__ import main
from dataprep.provenance import row_parts
from schemas import row_provenance
from tests.helpers import synthetic
from tests.helpers.commands import assert_refused
from tests.helpers.folders import tree


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset of two samples and three rows, of 9, 6 and 7 ids, with 1, 2 and 0 images."""
    out = synthetic.write(tmp_path, "pairs", 2)
    numbers = {"sample": [0, 0, 1], "start": [0, 9, 0], "tokens": [9, 6, 7], "images": [1, 2, 0]}
    columns = {name: pa.array(values, pa.int32()) for name, values in numbers.items()}
    urls = ["http://a.example/1", "http://b.example/2", "http://img.a.example/3"]
    table = pa.table({**columns, "row": ["0", "1", "2"], "uid": ["u0", "u1", "u2"], "url": urls})
    place = out / row_provenance.part_file(0)
    place.parent.mkdir()
    place.write_bytes(row_parts.part_bytes(table))
    return out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--uid", "u1", "u9"], "1 rows with 2 images would be replaced by 6 padding ids"),
        (["--host", "a.example"], "2 rows with 1 images would be replaced by 16 padding ids"),
        (["--url", "http://b.example/2", "--uid", "u0"], "2 rows with 3 images would be replaced by 15 padding ids"),
        (["--uid", "@uids.txt", "--host", "b.example"], "3 rows with 3 images would be replaced by 22 padding ids"),
    ],
)
def test_a_dry_run_says_what_would_go_and_changes_nothing(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], asked: list[str], said: str
) -> None:
    monkeypatch.chdir(dataset.parent)
    Path("uids.txt").write_text("u0\n\n  u2 \n")
    before = tree(dataset)
    assert main(["remove", str(dataset), *asked, "--dry-run"]) == 0
    assert said in capsys.readouterr().out
    assert tree(dataset) == before


def test_nothing_that_matches_and_nothing_that_was_asked_for(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(dataset)
    assert main(["remove", str(dataset), "--uid", "none", "--host", "example.a"]) == 0
    assert "no row matches; nothing was changed" in capsys.readouterr().out
    assert main(["remove", str(dataset)]) == 0
    assert "nothing was asked for (--uid, --url, --host), and nothing is left unfinished" in capsys.readouterr().out
    assert tree(dataset) == before


def test_a_list_or_a_dataset_that_is_not_there(dataset: Path) -> None:
    assert_refused(main, ["remove", str(dataset), "--uid", "@none.txt"], match=r"none\.txt")
    assert_refused(main, ["remove", str(dataset.parent), "--uid", "u0"], match="not a finished dataset")
