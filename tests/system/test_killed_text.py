"""Processes die in the middle of a job; the dataset that comes out is byte-identical to an undisturbed run's.

The tokenizer is one that gigatoken does not support, so that tasks last long enough to be hit.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.helpers.folders import tree
from tests.helpers.killing import LIMIT_S, kill_executor, kill_tree, receipts, submit, wait_for, working

pytestmark = pytest.mark.slow


def prepare(folder: Path, tokenizer_dir: Path) -> None:
    parsed = json.loads((tokenizer_dir / "tokenizer.json").read_text())
    parsed["pre_tokenizer"] = {"type": "Whitespace"}
    (folder / "tokenizer.json").write_text(json.dumps(parsed))
    (folder / "in").mkdir()
    for file in range(6):
        rows = (json.dumps({"text": f"{file}.{line} the and thing " * 100}) for line in range(250))
        data = zstandard.ZstdCompressor().compress("\n".join(rows).encode())
        (folder / "in" / f"{file}.jsonl.zst").write_bytes(data)


def settings(folder: Path, out: str) -> dict[str, Any]:
    paths = {"inputs": folder / "in/*.zst", "out": folder / out, "tokenizer": folder / "tokenizer.json"}
    return {**{key: str(path) for key, path in paths.items()}, "seq_len": 128, "shard_bytes": 1 << 16}


def finish(folder: Path, out: str, master: str) -> None:
    with submit("text", settings(folder, out), master) as process:
        assert process.wait(LIMIT_S) == 0


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path) -> Path:
    """Inputs, and the dataset `calm` of a run that nothing disturbed, on one core."""
    folder = tmp_path_factory.mktemp("killed")
    prepare(folder, tokenizer_dir)
    finish(folder, "calm", "local[1]")
    return folder


@pytest.mark.soak
def test_an_executor_is_killed(prepared: Path) -> None:
    out = prepared / "executor"
    with submit("text", settings(prepared, "executor"), "local-cluster[2,1,1024]") as process:
        wait_for(process, lambda: receipts(out, "tokenize") >= 1 and working(out, "tokenize"))
        kill_executor(process)
        assert process.wait(LIMIT_S) == 0
    assert tree(out) == tree(prepared / "calm")


def test_the_driver_is_killed_twice(prepared: Path) -> None:
    out = prepared / "driver"
    with submit("text", settings(prepared, "driver"), "local[2]") as process:
        wait_for(process, lambda: receipts(out, "tokenize") >= 2)
        kill_tree(process)
    assert not (out / "manifest.json").exists()
    done = receipts(out, "tokenize")

    with submit("text", settings(prepared, "driver"), "local[2]") as process:
        wait_for(process, lambda: receipts(out, "shards-train") >= 3)
        kill_tree(process)
    assert receipts(out, "tokenize") == 6 > done
    assert not (out / "manifest.json").exists()

    finish(prepared, "driver", "local[3]")
    assert tree(out) == tree(prepared / "calm")
