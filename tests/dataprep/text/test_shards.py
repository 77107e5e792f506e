"""Tests of one shard's bytes: its windows gathered from the token files, in stream order or shuffled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dataprep.engine.task_workspace import Scratch
from dataprep.mds.read import fixed_column
from dataprep.text import shards as module
from dataprep.text.config import TextJob
from dataprep.text.shards import SplitShards, plan_shards, write_matrix, write_shard
from dataprep.text.token_stream import TokenStream
from dataprep.tokens.tokenizer import TokenizerSpec

COUNTS = (70, 0, 33, 80)
"""Ids of four inputs, 183 in all: 23 windows of eight, the last of them with seven."""


@pytest.fixture
def stream(tmp_path: Path) -> TokenStream:
    ids, starts = np.arange(2, 2 + sum(COUNTS), dtype=np.uint16), np.cumsum([0, *COUNTS])
    for number, count in enumerate(COUNTS):
        (tmp_path / f"{number}.bin").write_bytes(ids[starts[number] : starts[number] + count].tobytes())
    return TokenStream(tuple(str(tmp_path / f"{n}.bin") for n in range(len(COUNTS))), COUNTS, "uint16")


def planned(stream: TokenStream, tokenizer: TokenizerSpec, split: str = "train", **changes: Any) -> SplitShards:
    settings = {"inputs": "in", "out": "out", "tokenizer": "t", "seq_len": 8, "shard_bytes": 1024, **changes}
    return plan_shards(split, stream, TextJob.model_validate(settings), tokenizer)


def scratch(folder: Path) -> Scratch:
    (folder / "work").mkdir(exist_ok=True)
    return Scratch(str(folder / "out"), folder / "work")


def written(folder: Path, shards: SplitShards) -> list[np.ndarray]:
    """The samples of each shard, as they stand on disk."""
    found = []
    for task in shards.tasks():
        receipt = write_shard(task.payload, scratch(folder), shards=shards)
        raw = (folder / "out" / shards.folder / receipt["shard"]["name"]).read_bytes()
        assert receipt["tokens"] == 8 * receipt["shard"]["samples"] == 8 * receipt["entry"]["samples"]
        found.append(np.concatenate([np.atleast_2d(ids) for ids in fixed_column(raw, receipt["entry"], "tokens")]))
    return [one.reshape(-1, 8) for one in found]


def test_tasks_are_the_shards_equal_to_within_a_sample(stream: TokenStream, tokenizer: TokenizerSpec) -> None:
    shards = SplitShards(**{**planned(stream, tokenizer).__dict__, "per_shard": 10})
    assert [task.payload for task in shards.tasks()] == [(0, 0, 7), (1, 7, 15), (2, 15, 23)]
    assert [task.name for task in shards.tasks()] == ["000000", "000001", "000002"]
    assert planned(stream, tokenizer).per_shard == 1024 // 16
    assert (shards.stage, planned(stream, tokenizer, "held_out").folder) == ("shards-train", "held_out")


@pytest.mark.parametrize("piece", [1, 1 << 20])
@pytest.mark.parametrize("shuffle", [False, True])
def test_all_shards_are_all_windows_once(
    tmp_path: Path,
    stream: TokenStream,
    tokenizer: TokenizerSpec,
    monkeypatch: pytest.MonkeyPatch,
    shuffle: bool,
    piece: int,
) -> None:
    monkeypatch.setattr(module, "PIECE_BYTES", piece)
    shards = SplitShards(**{**planned(stream, tokenizer, shuffle=shuffle).__dict__, "per_shard": 10})
    rows = np.concatenate(written(tmp_path, shards))
    expected = np.full(23 * 8, tokenizer.identity.pad_id)
    expected[: sum(COUNTS)] = np.arange(2, 2 + sum(COUNTS))
    windows = expected.reshape(23, 8)
    order = shards.windows.at(np.arange(23))
    assert np.array_equal(rows, windows[order])
    assert (order.tolist() == list(range(23))) is not shuffle


def test_a_shard_is_the_same_bytes_however_its_samples_came(
    tmp_path: Path, stream: TokenStream, tokenizer: TokenizerSpec
) -> None:
    shards = planned(stream, tokenizer, "held_out", compression="zstd:3")
    (task,) = shards.tasks()
    by_range = write_shard(task.payload, scratch(tmp_path), shards=shards)
    name = tmp_path / "out/held_out" / by_range["shard"]["name"]
    first = name.read_bytes()
    name.unlink()
    with_all = shards.windows.block(0, 23)[shards.windows.at(np.arange(23))]
    by_matrix = write_matrix((0, with_all), scratch(tmp_path), shards=shards)
    assert json.dumps(by_matrix, default=str) == json.dumps(by_range, default=str)
    assert name.read_bytes() == first
