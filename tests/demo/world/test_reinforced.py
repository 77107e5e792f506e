"""The tars read as DataComp-DR's do and join the metadata on uid, in another order."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from demo.world import reinforced
from demo.world.world import World


@pytest.fixture(scope="module")
def samples(world_root: Path) -> dict[str, dict[str, bytes]]:
    found: defaultdict[str, dict[str, bytes]] = defaultdict(dict)
    files = sorted((world_root / "pairs" / "dr").iterdir())
    assert [file.name for file in files] == [f"{index:08d}.tar" for index in range(4)]
    for file in files:
        with tarfile.open(file) as tar:
            for member in tar:
                uid, _, suffix = member.name.partition(".")
                content = tar.extractfile(member)
                assert content is not None
                found[uid][suffix] = content.read()
    return found


def test_members(samples: dict[str, dict[str, bytes]], world: World) -> None:
    assert len(samples) == world.counts.synthetic_rows
    for uid, members in samples.items():
        assert members.keys() in (
            {"url.txt", "syn.json", "paug.json", "json", "npz"},
            {"url.txt", "syn.json", "paug.json", "json", "pth.gz"},
        )
        captions = json.loads(members["syn.json"])["syn_text"]
        assert len(captions) == 5
        assert all(isinstance(caption, str) and caption for caption in captions)
        assert isinstance(json.loads(members["paug.json"])["param_aug"], str)
        assert json.loads(members["json"])["uid"] == uid
        if "npz" in members:
            arrays = np.load(io.BytesIO(members["npz"]), allow_pickle=False)
            assert arrays["text_emb"].shape[0] == 5
            assert np.isfinite(arrays["image_emb"]).all()


def test_pickles_are_only_junk(tmp_path: Path) -> None:
    rows = [reinforced.Sample(f"{index:032x}", "http://x/", "0" * 64, ["a"] * 5) for index in range(300)]
    reinforced.write(tmp_path, random.Random(0), rows, 1)
    with tarfile.open(tmp_path / "pairs" / "dr" / "00000000.tar") as tar:
        members = [member for member in tar if member.name.endswith(".pth.gz")]
        assert members
        for member in members:
            content = tar.extractfile(member)
            assert content is not None
            assert len(gzip.decompress(content.read())) == 256


def test_joins_the_metadata_in_another_order(
    samples: dict[str, dict[str, bytes]], world_root: Path, world: World
) -> None:
    rows = [
        row for file in sorted((world_root / "pairs" / "metadata").iterdir()) for row in pq.read_table(file).to_pylist()
    ]
    by_uid = {row["uid"]: row for row in rows}
    assert list(by_uid) != [uid for uid in samples if uid in by_uid]
    assert samples.keys() - by_uid.keys() == {defect.key for defect in world.of_kind("no_metadata")}
    assert by_uid.keys() - samples.keys() == {defect.key for defect in world.of_kind("no_synthetic")}
    for uid in samples.keys() & by_uid.keys():
        assert samples[uid]["url.txt"].decode() == by_uid[uid]["url"]
        assert json.loads(samples[uid]["json"])["sha256"] == by_uid[uid]["sha256"]
