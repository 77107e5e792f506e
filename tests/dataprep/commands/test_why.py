"""Tests of what `why` prints: the documents or rows behind samples, a heading where there are several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from dataprep.__main__ import main
from dataprep.provenance import row_parts
from dataprep.provenance.token_parts import Writer, index, index_file, part_file
from dataprep.storage import files
from schemas import row_provenance
from tests.helpers import synthetic
from tests.helpers.commands import assert_refused


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """Windows of 32 ids over documents of 20: two inputs, of 40 and of 24 ids."""
    out = synthetic.write(tmp_path, "text", 2)
    parts = {"a.jsonl": [20, 20], "b.jsonl": [24]}
    for number, lengths in enumerate(parts.values()):
        place = out / part_file("train", number)
        place.parent.mkdir(exist_ok=True)
        with Writer(place, ["url", "id"]) as writer:
            urls = [f"http://h/{number}/{line}" for line in range(len(lengths))]
            writer.add(list(range(1, len(lengths) + 1)), np.array(lengths), [urls, [None] * len(lengths)])
    receipts = [{"splits": {"train": {"documents": len(one), "tokens": sum(one)}}} for one in parts.values()]
    files.publish_bytes(index("train", 32, None, list(parts), receipts), str(out / index_file("train")))
    return out


def test_documents_of_a_text_dataset(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["why", str(text), "0"]) == 0
    alone = capsys.readouterr().out
    assert alone == "ids 0-19: a.jsonl:1  url=http://h/0/0\nids 20-31: a.jsonl:2  url=http://h/0/1\n", (
        "what is not known is left out"
    )
    assert main(["why", str(text), "0", "1"]) == 0
    second = "sample 1\nids 0-7: a.jsonl:2  url=http://h/0/1\nids 8-31: b.jsonl:1  url=http://h/1/0\n"
    assert capsys.readouterr().out == f"sample 0\n{alone}{second}"
    assert_refused(main, ["why", str(text), "2"], match="no sample 2; samples are 0 to 1")


def test_rows_of_an_image_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = pairs(tmp_path, "http://b")
    assert main(["why", str(out), "0"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ids 0-8: images=1  row=0  uid=u0",
        "ids 9-14: images=1  row=1  uid=u1  url=http://b",
    ]
    assert_refused(main, ["why", str(tmp_path), "0"], match="not a finished dataset")


def test_what_a_stranger_wrote_cannot_steer_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = pairs(tmp_path, "http://b/\x1b[2J\nids 0-99: uid=false\x9b1m")
    assert main(["why", str(out), "0"]) == 0
    shown = capsys.readouterr().out
    assert r"url=http://b/\x1b[2J\nids 0-99: uid=false\x9b1m" in shown
    assert all(line.isprintable() for line in shown.splitlines())


def pairs(folder: Path, url: str) -> Path:
    """A dataset of three pairs, the second one from `url`."""
    out = synthetic.write(folder, "pairs", 2)
    numbers = {"sample": [0, 0, 1], "start": [0, 9, 0], "tokens": [9, 6, 7], "images": [1, 1, 1]}
    columns = {name: pa.array(values, pa.int32()) for name, values in numbers.items()}
    table = pa.table({**columns, "row": ["0", "1", "2"], "uid": ["u0", "u1", "u2"], "url": [None, url, None]})
    place = out / row_provenance.part_file(0)
    place.parent.mkdir()
    place.write_bytes(row_parts.part_bytes(table))
    return out
