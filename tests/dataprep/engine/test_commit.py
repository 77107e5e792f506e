"""Tests of publishing a dataset: index and manifest, and what is swept up beside a finished one."""

from __future__ import annotations

import contextlib
import json
import random
from pathlib import Path
from typing import Any

from common.errors import InputError
from dataprep.engine import commit, journal
from dataprep.engine.paths import PLAN_NAME, STAGING, TEMPORARY
from dataprep.storage import files
from dataprep.verify import verify
from schemas.manifest import Manifest
from tests.helpers import synthetic


def names(folder: Path) -> list[str]:
    return [name.removeprefix(f"{folder}/") for name in files.list_files(str(folder))]


def left_by_attempts(folder: Path) -> None:
    for name in (f"{STAGING}/{PLAN_NAME}", f"{TEMPORARY}/.x.tmp", f"{STAGING}/receipts/text/0.json", "shard"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def entries(dataset: Path) -> list[Any]:
    return list(json.loads((dataset / "index.json").read_text())["shards"])


def test_a_commit_is_index_and_manifest_and_nothing_else(tmp_path: Path) -> None:
    made = synthetic.write(tmp_path, "text", 60)
    manifest, shards = Manifest.load(made), entries(made)
    out = tmp_path / "out"
    left_by_attempts(out)
    commit.commit(str(out), "held_out", manifest, shards[:1], {})
    commit.commit(str(out), "", manifest, shards, {})
    commit.sweep(str(out))
    assert names(out) == [
        f"{STAGING}/{PLAN_NAME}",
        "checksums.txt",
        *("held_out/checksums.txt", "held_out/index.json", "held_out/manifest.json"),
        *("index.json", "manifest.json", "shard"),
    ]
    assert Manifest.load(out) == Manifest.load(out / "held_out") == manifest
    assert [one["raw_data"] for one in entries(out)] == [one["raw_data"] for one in shards]
    assert len(entries(out / "held_out")) == 1
    assert commit.manifest_json(manifest) == (out / "manifest.json").read_bytes()


def test_a_flipped_bit_anywhere_is_found(tmp_path: Path) -> None:
    out = synthetic.write(tmp_path, "text", 60)
    manifest, shards, sidecar = Manifest.load(out), entries(out), "provenance/train.json"
    commit.commit(str(out), "", manifest, shards, {sidecar: commit.put(str(out), sidecar, b'{"a": 1}')})
    assert verify(str(out))[1] == []
    dice = random.Random(1)
    for name in names(out):
        data = (out / name).read_bytes()
        for bit in dice.sample(range(8 * len(data)), min(20, 8 * len(data))):
            (out / name).write_bytes(data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :])
            with contextlib.suppress(InputError):
                assert verify(str(out))[1], (name, bit)
        (out / name).write_bytes(data)
    assert verify(str(out))[1] == []


def test_a_sweep_says_what_it_removed_and_leaves_the_plan(tmp_path: Path) -> None:
    left_by_attempts(tmp_path)
    removed = commit.sweep(str(tmp_path))
    assert sorted(name.removeprefix(f"{tmp_path}/") for name in removed) == sorted(
        [f"{TEMPORARY}/.x.tmp", f"{STAGING}/receipts/text/0.json"]
    )
    assert names(tmp_path) == [f"{STAGING}/{PLAN_NAME}", "shard"]
    assert not (tmp_path / TEMPORARY).exists()
    assert commit.sweep(str(tmp_path)) == []


def test_nothing_is_swept_while_a_change_waits_to_be_finished(tmp_path: Path) -> None:
    left_by_attempts(tmp_path)
    (tmp_path / journal.JOURNAL).write_text('{"files": []}')
    before = names(tmp_path)
    assert commit.sweep(str(tmp_path)) == []
    assert names(tmp_path) == before
