"""Tests of the place where a task writes: files appear whole under their final name, and no local copy stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataprep.engine.task_workspace import Published, Scratch
from dataprep.storage import files, fingerprint


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    (tmp_path / "work").mkdir()
    return Scratch(str(tmp_path / "out"), tmp_path / "work")


def test_files_and_bytes_reach_their_places(scratch: Scratch, tmp_path: Path) -> None:
    local = scratch.path("shard.mds")
    assert local.parent == tmp_path / "work"
    local.write_bytes(b"abc")
    assert scratch.publish(local, "sub/shard.00001.mds") == Published("sub/shard.00001.mds", 3)
    assert scratch.publish_bytes(b"defgh", "rejects/1.jsonl") == Published("rejects/1.jsonl", 5)
    assert {name.removeprefix(f"{tmp_path}/"): files.read_bytes(name) for name in files.list_files(str(tmp_path))} == {
        "out/sub/shard.00001.mds": b"abc",
        "out/rejects/1.jsonl": b"defgh",
    }, "nothing is left in the making"
    assert scratch.intermediates == []


def test_a_second_attempt_replaces_what_the_first_has_published(scratch: Scratch, tmp_path: Path) -> None:
    for content in (b"first", b"second"):
        scratch.publish_bytes(content, "a")
    assert (tmp_path / "out/a").read_bytes() == b"second"


def test_intermediate_files_are_named_with_what_vouches_for_them(scratch: Scratch, tmp_path: Path) -> None:
    local = scratch.path("ids")
    local.write_bytes(b"ids")
    digest = fingerprint.digest(str(local))
    assert scratch.publish_intermediate(local, "tokens/0.bin", digest) == Published("tokens/0.bin", 3)
    assert scratch.intermediates == [["tokens/0.bin", 3, digest]]
    assert (tmp_path / "out/tokens/0.bin").read_bytes() == b"ids"
    assert not local.exists()
