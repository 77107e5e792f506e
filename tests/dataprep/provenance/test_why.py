"""Tests of the documents behind a sample: windows across documents and files, shuffled or not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from dataprep.provenance.token_parts import Writer, index, index_file, part_file
from dataprep.provenance.why import Source, why
from dataprep.storage import files
from schemas.order.permutation import permute

LENGTHS = {"a": [3, 5, 8], "empty": [], "b": [2, 4]}
"""Ids of the documents of three inputs, 22 in all: six windows of four, the last of them with two."""
STREAM = [(name, line) for name, lengths in LENGTHS.items() for line, n in enumerate(lengths, 1) for _ in range(n)]


def dataset(out: Path, key: int | None, split: str = "train") -> str:
    for number, lengths in enumerate(LENGTHS.values()):
        file = out / part_file(split, number)
        file.parent.mkdir(parents=True, exist_ok=True)
        with Writer(file, ["url"]) as writer:
            if lengths:
                lines = range(1, len(lengths) + 1)
                writer.add(list(lines), np.array(lengths), [[f"http://{number}/{line}" for line in lines]])
    receipts = [{"splits": {split: {"documents": len(n), "tokens": sum(n)}}} for n in LENGTHS.values()]
    files.publish_bytes(index(split, 4, key, list(LENGTHS), receipts), str(out / index_file(split)))
    return str(out)


@pytest.mark.parametrize("key", [None, 12345])
def test_every_id_of_every_sample_is_its_documents(tmp_path: Path, key: int | None) -> None:
    out = dataset(tmp_path, key)
    for sample in range(6):
        window = sample if key is None else int(permute(np.array([sample]), 6, key)[0])
        found = why(out, sample)
        ids = [(one.input, one.line) for one in found for _ in range(one.start, one.stop)]
        assert ids == STREAM[4 * window : 4 * window + 4]
        assert [one.start for one in found] == [0, *(one.stop for one in found[:-1])]
        assert all(one.fields["url"] == f"http://{list(LENGTHS).index(one.input)}/{one.line}" for one in found)
    for sample in (-1, 6):
        with pytest.raises(InputError, match=rf"no sample {sample}; samples are 0 to 5"):
            why(out, sample)


def test_a_document_longer_than_a_window_is_named_alone(tmp_path: Path) -> None:
    assert why(dataset(tmp_path, None), 2) == [Source(0, 4, "a", 3, {"url": "http://0/3"})]


def test_a_split_is_named_by_its_folder(tmp_path: Path) -> None:
    dataset(tmp_path, None, "held_out")
    (tmp_path / "held_out").mkdir()
    assert why(str(tmp_path / "held_out"), 0)[0].input == "a"
    with pytest.raises(InputError, match="no provenance index; name the directory of a text dataset"):
        why(str(tmp_path), 0)


def test_a_damaged_index_and_one_of_a_later_release(tmp_path: Path) -> None:
    out = dataset(tmp_path, None)
    place = tmp_path / index_file("train")
    place.write_text(place.read_text().replace('"seq_len":4', '"seq_len":"?"'))
    with pytest.raises(InputError, match=r"train\.json: damaged provenance index \(1 errors\)"):
        why(out, 0)
    place.write_text('{"version": 9}')
    with pytest.raises(InputError, match="provenance index"):
        why(out, 0)
