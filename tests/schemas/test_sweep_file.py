"""`sweep.json`: files of today stay readable; damage is one line with file, key and remedy."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from common import seal
from common.errors import InputError
from schemas.sweep_file import SweepFile

GOLDEN = Path(__file__).parent / "golden"
"""Has a `sweep.json` of 11 runs, as it was written before there was this contract."""


def test_files_of_before_are_read_and_written_but_for_the_seal(tmp_path: Path) -> None:
    found = SweepFile.load(GOLDEN)
    assert (len(found.runs), found.with_sharing.tokens, found.without_sharing.tokens) == (11, 5742592, 12398592)
    found.save(tmp_path)
    written = seal.opened((tmp_path / "sweep.json").read_bytes())
    assert json.dumps(written, indent=1) + "\n" == (GOLDEN / "sweep.json").read_text()


def test_what_was_changed_is_refused_and_no_hash_depends_on_the_seal(tmp_path: Path) -> None:
    SweepFile.load(GOLDEN).save(tmp_path)
    assert SweepFile.load(tmp_path) == SweepFile.load(GOLDEN)
    text = (tmp_path / "sweep.json").read_text()
    (tmp_path / "sweep.json").write_text(text.replace('"tokens": 5742592', '"tokens": 5742593', 1))
    with pytest.raises(InputError, match=r"sweep\.json: damaged sweep \(it does not say what was written"):
        SweepFile.load(tmp_path)


def test_paths_lead_from_a_root_to_the_run_s_end() -> None:
    found = SweepFile.load(GOLDEN)
    for run in found.runs:
        path = found.path(run)
        assert path[0].parent is None
        assert all(child.parent == parent.id for parent, child in pairwise(path))
        assert run.name in path[-1].ends
        assert sum(node.tokens for node in path) == run.tokens


def _change(told: dict[str, Any], *keys: Any, value: Any) -> None:
    for key in keys[:-1]:
        told = told[key]
    told[keys[-1]] = value


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("version",), 0, "version: damaged sweep (Input should be 1)"),
        (("nodes",), [], "nodes: damaged sweep (List should have at least 1 item"),
        (("runs", 3, "node"), "nowhere", "ends at node 'nowhere', which is not there"),
        (("runs", 3, "node"), "../../x", "runs.3.node: damaged sweep (String should match pattern"),
        (("runs", 1, "name"), "sweep_mid_switch=40_seed=7_encoder=siglip", "two runs are called 'sweep_mid_"),
        (("nodes", 0, "id"), "a", "comes before its parent"),
        (("nodes", 0, "tokens"), "many", "nodes.0.tokens: damaged sweep"),
        (("nodes", 0, "tokns"), 1, "nodes.0.tokns: damaged sweep (Extra inputs are not permitted)"),
    ],
)
def test_damage(tmp_path: Path, keys: tuple[Any, ...], value: Any, message: str) -> None:
    told = json.loads((GOLDEN / "sweep.json").read_bytes())
    _change(told, *keys, value=value)
    (tmp_path / "sweep.json").write_text(json.dumps(told))
    with pytest.raises(InputError) as caught:
        SweepFile.load(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"{tmp_path / 'sweep.json'}: ")
    assert message in text
    assert text.endswith("; write the sweep again")


def test_no_sweep_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"sweep\.json: no sweep here \(No such file or directory\); write one with"):
        SweepFile.load(tmp_path)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(InputError, match=r"sweep\.json: damaged sweep \(Invalid JSON.*; write the sweep again"):
        SweepFile.load(tmp_path)
