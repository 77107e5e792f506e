"""Local files by URI; those of stores are in `test_store` and `test_hdfs`."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from common.errors import InputError
from dataprep.storage import files


def test_a_reader_meets_whole_versions_only(tmp_path: Path) -> None:
    uri, versions = str(tmp_path / "a/file"), [bytes([n]) * (100_000 + n) for n in range(8)]
    files.publish_bytes(versions[0], uri)
    writers = [
        threading.Thread(target=lambda v=version: [files.publish_bytes(v, uri) for _ in range(20)])
        for version in versions
    ]
    for writer in writers:
        writer.start()
    seen = {files.read_bytes(uri) for _ in range(50)}
    for writer in writers:
        writer.join()
    assert seen <= set(versions)
    assert files.list_files(str(tmp_path)) == [uri], "nothing unfinished is left"


def test_a_published_file_is_moved(tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(b"new")
    files.publish_bytes(b"old", str(tmp_path / "out/file"))
    files.publish_file(tmp_path / "local", str(tmp_path / "out/file"))
    assert files.read_bytes(str(tmp_path / "out/file")) == b"new"
    assert not (tmp_path / "local").exists()


def test_unknown_storage_is_refused() -> None:
    with pytest.raises(InputError, match="cannot open this kind of storage"):
        files.exists("gopher://x/y")


@pytest.mark.parametrize("at_a_time", [1, 2, 1000])
def test_json_by_item_is_that_of_the_whole(at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_AT_A_TIME", at_a_time)
    items = [{"b": 1, "a": "ü\n"}, {"a": None, "b": [2, {"d": 0.5, "c": True}]}]
    for many in (items, []):
        whole = files.to_json({"z": {"y": 1, "x": 2}, "inputs": many, "a": [], "seed": 7})
        assert files.to_json_by_item({"seed": 7, "z": {"y": 1, "x": 2}, "a": []}, "inputs", iter(many)) == whole
        assert files.to_json_by_item({"seed": 7, "inputs": 1, "z": {"y": 1, "x": 2}, "a": []}, "inputs", many) == whole
    assert files.to_json_by_item({}, "only", [1]) == b'{"only":[1]}'


def test_names_on_the_web_are_quoted_as_parts_of_an_address() -> None:
    names = {"a b/c.jpg": "a%20b/c.jpg", "100%.jpg": "100%25.jpg", "#1?.jpg": "%231%3F.jpg", "%41": "%2541"}
    for name, quoted in names.items():
        assert files.join("https://host/images/", name) == f"https://host/images/{quoted}"
        assert files.join("s3://host/images/", name) == f"s3://host/images/{name}"
