"""Parquet with a picture and captions in each row gives the shards that tars of the same pairs give."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import InputError
from dataprep.engine.rejects import Rejects
from dataprep.engine.task_workspace import Scratch
from dataprep.pairs import embedded
from dataprep.pairs.selection import survey
from dataprep.pairs.task import work
from dataprep.tar.write import write_tar
from tests.dataprep.pairs.test_task import Picture, spec_of

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def rows_of(path: Path, table: pa.Table) -> tuple[list[Any], Rejects, io.BytesIO]:
    pq.write_table(table, path)
    held, rejects = io.BytesIO(), Rejects()
    return list(embedded.read_rows(str(path), held, rejects)), rejects, held


@pytest.mark.parametrize("layout", ["datasets", "img2dataset"])
@pytest.mark.parametrize("selects", [False, True])
def test_shards_are_those_of_a_tar(
    tokenizer_dir: Path, tmp_path: Path, picture: Picture, layout: str, selects: bool
) -> None:
    pictures = [picture(n, ("JPEG", "PNG")[n % 2]) for n in range(7)]
    pictures[5] = pictures[5][:90]
    members = [
        one
        for n, data in enumerate(pictures)
        for one in (
            (f"{n}.{('jpg', 'png')[n % 2]}", data),
            (f"{n}.json", json.dumps({"uid": f"u{n}", "caption": f"box {n}", "score": n / 4}).encode()),
        )
    ]
    with open(tmp_path / "0.tar", "wb") as out:
        write_tar(out, members)
    rows = [{"uid": f"u{n}", "caption": f"box {n}", "score": n / 4} for n in range(7)]
    column = pa.array([{"bytes": one, "path": None} for one in pictures], IMAGE)
    table = pa.Table.from_pylist(rows).append_column("image", column)
    if layout == "img2dataset":
        table = table.drop_columns("image").append_column("jpg", pa.array(pictures))
    pq.write_table(table, tmp_path / "0.parquet", row_group_size=3)
    found = []
    for name in ("0.tar", "0.parquet"):
        scratch = Scratch(str(tmp_path / f"{name}-out"), tmp_path)
        if selects:
            spec = spec_of(tokenizer_dir, where="score < 9", fields="score double")
            assert survey.survey((0, str(tmp_path / name)), scratch, spec) == {"rows": 6}
            found.append(pa.Table.from_batches(survey.read(scratch.out, 0)).to_pylist())
            continue
        receipt = work((0, str(tmp_path / name)), scratch, spec_of(tokenizer_dir))
        assert (receipt["written"], receipt["rejected"]) == (6, {"image_truncated": 1})
        found.append([shard["digest"] for shard in receipt["shards"]])
    assert found[0]
    assert found[0] == found[1]


def test_each_row_that_is_no_pair_has_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "MAX_TEXT_BYTES", 50)
    image = {"bytes": b"x", "path": None}
    rows = [
        {"image": image, "text": ["first", ""], "syn_text": ["a", None], "url": "http://a.example/"},
        {"image": None, "text": ["t"]},
        {"image": {"bytes": None, "path": "a.jpg"}, "text": ["t"]},
        {"image": image, "id": 7, "text": None},
        {"image": image, "id": 7},
        {"image": image, "url": "u" * 60},
    ]
    kinds = [("image", IMAGE), ("text", pa.list_(pa.string())), ("syn_text", pa.list_(pa.string())), ("id", pa.int64())]
    table = pa.Table.from_pylist(rows, pa.schema([*kinds, ("url", pa.string())]))
    found, rejects, held = rows_of(tmp_path / "a.parquet", table)
    assert [(row.uid, row.key, row.web, row.synthetic, row.url) for row in found] == [
        ("a.parquet#0", "a.parquet#0", "first", ("a",), "http://a.example/"),
        ("7", "a.parquet#3", None, (), None),
    ]
    assert [row.image.read(held) for row in found] == [b"x", b"x"]
    lines = [json.loads(line) for line in rejects.jsonl().splitlines()]
    assert [(one["row"][-2:], one["reason"]) for one in lines] == [
        ("#1", "no_image"), ("#2", "no_image"), ("#4", "duplicate_uid"), ("#5", "member_too_large"),
    ]  # fmt: skip
    _, rejects, _ = rows_of(tmp_path / "b.parquet", pa.table({"jpg": [b"x"], "uid": ["a\nb"]}))
    assert dict(rejects.counts) == {"unsafe_name": 1}


def test_files_without_pictures_and_damaged_ones_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no column image or jpg.*; it has text; rename the column of the pictures"):
        rows_of(tmp_path / "a.parquet", pa.table({"text": ["a"]}))
    pq.write_table(pa.table({"image": [b"x" * 999] * 9}), tmp_path / "b.parquet")
    data = bytearray((tmp_path / "b.parquet").read_bytes())
    data[4:60] = bytes(56)
    (tmp_path / "b.parquet").write_bytes(data)
    with pytest.raises(InputError, match=r"b\.parquet: not a readable Parquet file .*; fetch it again"):
        list(embedded.read_rows(str(tmp_path / "b.parquet"), io.BytesIO(), Rejects()))
