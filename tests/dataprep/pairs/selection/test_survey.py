"""What `where` gets to see of a pair."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.engine.rejects import RejectError, part_file
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.pairs import left_out
from dataprep.pairs.selection import survey
from dataprep.pairs.task import work
from dataprep.tar.write import write_tar
from tests.dataprep.pairs.test_task import Picture, spec_of


def test_fields_nested_too_deeply_to_be_written_are_left_out(
    tokenizer_dir: Path, tmp_path: Path, picture: Picture
) -> None:
    deep = b'{"caption": "c", "score": 0.5, "deep": ' + b"[" * 400 + b"]" * 400 + b"}"
    with open(tmp_path / "0.tar", "wb") as out:
        write_tar(out, [("0.jpg", picture(0)), ("0.json", deep)])
    where = {"where": "score > 0", "fields": "score double"}
    scratch = Scratch(str(tmp_path / "out"), tmp_path)
    assert survey.survey((0, str(tmp_path / "0.tar")), scratch, spec_of(tokenizer_dir, **where)) == {"rows": 1}
    table = pa.Table.from_batches(survey.read(scratch.out, 0))
    assert table["fields"].to_pylist() == ['{"caption":"c","score":0.5}']


def test_packing_judges_no_pair_again_but_where_an_older_release_surveyed_it(
    tokenizer_dir: Path, tmp_path: Path, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, members = str(tmp_path / "0.tar"), list[tuple[str, bytes]]()
    for number, (image, caption) in enumerate([(picture(0), "c"), (b"no picture", "c"), (picture(2), "")]):
        members += [
            (f"{number}.jpg", image),
            (f"{number}.json", f'{{"uid": "{number}", "caption": "{caption}"}}'.encode()),
        ]
    with open(path, "wb") as out:
        write_tar(out, members)
    spec, scratch = spec_of(tokenizer_dir, deduplicate=True), Scratch(str(tmp_path / "out"), tmp_path)
    assert survey.survey((0, path), scratch, spec) == {"rows": 1}
    scratch.publish_bytes(b"", left_out.selection_file(0))

    def packed() -> tuple[Receipt, bytes]:
        (tmp_path / "attempt").mkdir()
        receipt = work((0, path), Scratch(scratch.out, tmp_path / "attempt"), spec)
        shutil.rmtree(tmp_path / "attempt")
        return receipt, (tmp_path / "out" / part_file(0)).read_bytes()

    with monkeypatch.context() as patched:
        patched.setattr("dataprep.pairs.task.inspect", None)  # whoever calls it fails
        by_survey = packed()
    assert set(by_survey[0]["rejected"]) == {"not_an_image", "no_caption"}
    part = tmp_path / "out" / left_out.survey_file(0)
    older = pq.read_table(part).slice(0, 1).drop_columns(["reason", "detail"])
    pq.write_table(older, part)
    assert left_out.verdicts(scratch.out, 0) is None
    assert pa.Table.from_batches(survey.read(scratch.out, 0)).num_rows == 1
    assert packed() == by_survey


def test_a_detail_that_parquet_cannot_hold_as_text_comes_back(
    tokenizer_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, picture: Picture
) -> None:
    def refuse(*_: object) -> None:
        raise RejectError("odd", "caption \ud800")

    with open(tmp_path / "0.tar", "wb") as out:
        write_tar(out, [("0.jpg", picture(0)), ("0.json", b'{"caption": "c"}')])
    monkeypatch.setattr(survey, "judge", refuse)
    scratch = Scratch(str(tmp_path / "out"), tmp_path)
    assert survey.survey((0, str(tmp_path / "0.tar")), scratch, spec_of(tokenizer_dir, deduplicate=True)) == {"rows": 0}
    assert left_out.verdicts(scratch.out, 0) == {0: ("odd", "caption \ud800")}
