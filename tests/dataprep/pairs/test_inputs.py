"""Tests of what opens an input of the pairs job: a tar and Parquet are told by content, and lead to their pictures."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.engine.rejects import Rejects
from dataprep.pairs.inputs import opened
from dataprep.tar.write import write_tar

PICTURES = {"a": b"first picture", "b": b"second one"}


def write(folder: Path, kind: str) -> str:
    path = folder / "input"
    if kind == "parquet":
        rows = [{"uid": uid, "caption": f"of {uid}", "image": {"bytes": data}} for uid, data in PICTURES.items()]
        pq.write_table(pa.Table.from_pylist(rows), path)
        return str(path)
    members = [
        (f"{uid}.{end}", data)
        for uid, one in PICTURES.items()
        for end, data in (("jpg", one), ("txt", b"of " + uid.encode()))
    ]
    with path.open("wb") as out:
        write_tar(out, members)
    return str(path)


@pytest.mark.parametrize(("kind", "near"), [("tar", 0), ("tar", 512), ("parquet", 0)])
def test_rows_lead_to_their_pictures_while_the_input_is_open(tmp_path: Path, kind: str, near: int) -> None:
    rejects = Rejects()
    with opened(write(tmp_path, kind), rejects, tmp_path, near=near) as (held, rows):
        listed = list(rows)
        assert [one.image.read(held) for one in listed] == list(PICTURES.values())
    assert [one.web for one in listed] == ["of a", "of b"]
    assert not rejects.counts
    assert [path.name for path in tmp_path.iterdir()] == ["input"], "nothing stays beside it"
