"""Local files by URI; those of stores are in `test_store` and `test_hdfs`."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from dataprep.storage import files, fingerprint, globs


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


NAMES = st.text("ab.-_", min_size=1, max_size=3).filter(lambda name: name.strip("."))


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3).map("/".join), min_size=1, max_size=6, unique=True))
def test_globs_are_those_of_a_shell(names: list[str]) -> None:
    for pattern in ("*", "**/*", "a*", "*/b", "**/a", "[ab]?", "**"):
        chosen = re.compile(globs.glob_regex(pattern))
        for name in names:
            parts = name.split("/")
            if pattern in ("**", "**/*"):
                expected = True
            elif pattern == "**/a":
                expected = parts[-1] == "a"
            elif pattern == "*/b":
                expected = len(parts) == 2 and parts[1] == "b"
            else:
                one = parts[0]
                alone = {"*": True, "a*": one.startswith("a"), "[ab]?": len(one) == 2 and one[0] in "ab"}
                expected = len(parts) == 1 and alone[pattern]
            expected = expected and not any(part.startswith((".", "_")) for part in parts)
            assert bool(chosen.match(name)) == expected, (pattern, name)


def test_wildcards_and_folders_pass_over_what_spark_hides(tmp_path: Path) -> None:
    shown = ["a.jsonl", "b/c.jsonl", "_day=7/d.jsonl"]
    hidden = ["_SUCCESS", ".a.jsonl.crc", "_temporary/0/e.jsonl", "b/_started", "b/.ipynb_checkpoints/c.jsonl"]
    for name in [*shown, *hidden]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    expected = sorted(str(tmp_path / name) for name in shown)
    assert globs.expand([str(tmp_path)]) == expected
    assert globs.expand([f"{tmp_path}/**"]) == expected
    assert globs.expand([f"{tmp_path}/**/*"]) == expected
    spelt = ["_SUCCESS", "_temporary", ".a*", "b/.*/*"]
    found = globs.expand([str(tmp_path / one) for one in spelt])
    assert found == sorted(str(tmp_path / hidden[place]) for place in (0, 1, 2, 4))


def test_what_names_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    assert globs.expand([str(tmp_path / "o*"), str(tmp_path)]) == [str(tmp_path / "one")]
    for pattern in ("two", "t*"):
        with pytest.raises(InputError, match=rf"{pattern[0]}.*: no file matches"):
            globs.expand([str(tmp_path / pattern)])
    with pytest.raises(InputError, match="cannot open this kind of storage"):
        files.exists("gopher://x/y")


def test_a_sampled_fingerprint_sees_size_and_sampled_blocks(tmp_path: Path) -> None:
    path, data = tmp_path / "large", bytearray(os.urandom(fingerprint.SAMPLED_ABOVE + 100))
    path.write_bytes(data)
    whole, sampled = fingerprint.fingerprint(str(path)), fingerprint.fingerprint(str(path), sampled=True)
    assert whole == fingerprint.digest(str(path))
    assert sampled.startswith("sampled:")
    data[-1] ^= 1
    path.write_bytes(data)
    assert fingerprint.fingerprint(str(path), sampled=True) != sampled
    path.write_bytes(data[: fingerprint.SAMPLED_ABOVE])
    assert fingerprint.fingerprint(str(path), sampled=True) == fingerprint.digest(str(path)), (
        "small files are read whole"
    )
