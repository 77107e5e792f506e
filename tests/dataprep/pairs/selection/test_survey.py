"""What `where` gets to see of a pair."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from dataprep.engine.task_workspace import Scratch
from dataprep.pairs.selection import survey
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
