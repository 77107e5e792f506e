"""Tests that paths, folders and globs name the files that a shell would find, sorted, each once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from dataprep.storage import globs

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


def test_files_are_sorted_and_each_once_however_they_are_named(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "in/c.txt", "in/deep/d.txt", "in/e.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def found(*patterns: str) -> list[str]:
        return [name.removeprefix(f"{tmp_path}/") for name in globs.expand([str(tmp_path / one) for one in patterns])]

    assert found("b.txt", "*.txt", "a.txt") == ["a.txt", "b.txt"]
    assert found("in") == ["in/c.txt", "in/deep/d.txt", "in/e.md"]
    assert found("**/*.txt") == ["a.txt", "b.txt", "in/c.txt", "in/deep/d.txt"]
    assert found("in/*/d.txt") == ["in/deep/d.txt"]


def test_what_names_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"1")
    for pattern in ("two", "t*"):
        with pytest.raises(InputError, match=rf"{pattern[0]}.*: no file matches"):
            globs.expand([str(tmp_path / "one"), str(tmp_path / pattern)])
