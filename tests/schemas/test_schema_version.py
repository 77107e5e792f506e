"""A file of a later schema is told from a damaged one, and the guide says what is read."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from common.errors import InputError
from schemas.schema_version import READS, FileKind, refuse_later

GUIDE = Path(__file__).parents[2] / "docs/versions.md"


@pytest.mark.parametrize(
    ("content", "version"), [({"version": 2}, 2), ({"version": 9, "more": []}, 9), (b'{"version": 2}', 2)]
)
def test_a_later_schema_is_one_line_with_its_remedy(content: Any, version: int) -> None:
    with pytest.raises(InputError) as refused:
        refuse_later("manifest", content, "manifest.json")
    assert str(refused.value) == (
        f"manifest.json: version: manifest of schema {version}; this release reads 1; "
        "use the release that wrote it, or a later one"
    )


@pytest.mark.parametrize("content", [{"version": 1}, {}, {"version": "2"}, [2], None, b"", b"{", b'{"version": 1}'])
def test_anything_else_is_left_to_its_reader(content: Any) -> None:
    refuse_later("manifest", content, "manifest.json")


def test_every_kind_of_file_is_in_the_guide_with_what_this_release_reads() -> None:
    assert set(READS) == set(get_args(FileKind))
    rows = re.findall(r"^\| ([a-z ]+) \| `([^|]+) \| ([\d, ]+) \| (\d+) \|", GUIDE.read_text(), re.MULTILINE)
    told = {kind: (tuple(json.loads(f"[{read}]")), int(written)) for kind, _, read, written in rows}
    assert told == {kind: (reads, reads[-1]) for kind, reads in READS.items()}
