"""Filters, lists and near-duplicates: what is left out, why, and that the cluster's size does not matter."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.pairs.config import PairsJob
from dataprep.pairs.job import run
from dataprep.tar.write import write_tar
from schemas.manifest import Manifest

Picture = Callable[..., bytes]


@pytest.fixture(scope="module")
def tars(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> Path:
    """Three tars of ten: 1.9 has the uid 0.0; 2.0 to 2.4 look like 0.5 to 0.9, at another size; 1.5 has no score."""
    folder = tmp_path_factory.mktemp("select")
    for tar in range(3):
        members: list[tuple[str, bytes]] = []
        for n in range(10):
            seed = n + 5 if tar == 2 and n < 5 else 100 * tar + n
            data = picture(seed, size=(640, 480) if tar < 2 else (320, 240), quality=90)
            uid = "0.0" if (tar, n) == (1, 9) else f"{tar}.{n}"
            meta: dict[str, Any] = {"uid": uid, "url": f"http://h{n}.example/{tar}", "caption": f"caption {uid}"}
            if (tar, n) != (1, 5):
                meta["clip_l14_similarity_score"] = n / 10
            members += [(f"{n}.jpg", data), (f"{n}.json", json.dumps(meta).encode())]
        with open(folder / f"{tar}.tar", "wb") as out:
            write_tar(out, members)
    (folder / "uids.txt").write_text("0.1\n\n 2.9 \nunknown\n")
    (folder / "urls.txt").write_text("http://h3.example/1\n")
    return folder


def job(tars: Path, out: Path, tokenizer_dir: Path, **more: Any) -> PairsJob:
    base = {"inputs": str(tars / "*.tar"), "out": str(out), "tokenizer": str(tokenizer_dir), "seq_len": 64}
    return PairsJob.model_validate({**base, "geometry": {"size": 32, "patch": 16}, "shard_bytes": 1 << 20, **more})


def rejected(out: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for part in (out / "rejects").glob("*.jsonl"):
        for line in map(json.loads, part.read_text().splitlines()):
            found.setdefault(line["reason"], set()).add(f"{part.stem[-1]}:{line['row']}")
    counts = {reason: len(rows) for reason, rows in found.items()}
    assert Manifest.load(out).rows.rejected == dict(sorted(counts.items()))
    return found


def test_all_of_it_at_once_with_an_earlier_copy_that_was_filtered_out(
    spark: SparkSession, tars: Path, tokenizer_dir: Path, tmp_path: Path
) -> None:
    """0.5 is filtered by `where`, so its copy 2.0 stays; 1.9 is not seen at all, so 0.0 is first with its uid."""
    settings = {
        "where": "clip_l14_similarity_score is not null and uid <> '0.5' and width >= 320 and aspect < 1.5",
        "deduplicate": True,
        "near_duplicates": {"distance": 3, "uids": str(tars / "uids.txt")},
        "banned": {"urls": str(tars / "urls.txt"), "hosts": ["H8.example"]},
    }
    run(spark, job(tars, tmp_path / "out", tokenizer_dir, **settings))
    assert rejected(tmp_path / "out") == {
        "where": {"0:0.5", "1:1.5"},
        "duplicate_uid": {"1:0.0"},
        "near_duplicate": {"0:0.1", "2:2.9", "2:2.1", "2:2.2", "2:2.4"},  # 2.3 looks like 0.8, which is banned
        "banned_url": {"1:1.3"},
        "banned_host": {"0:0.8", "1:1.8", "2:2.8"},
    }
    manifest = Manifest.load(tmp_path / "out")
    assert {Path(one.path).name for one in manifest.inputs} == {"0.tar", "1.tar", "2.tar", "uids.txt", "urls.txt"}
    assert not list((tmp_path / "out/.switchpoint").glob("s*"))
    before = Counter(path.read_bytes() for path in (tmp_path / "out").glob("shard.*"))
    # Lists are part of the plan: a longer one is another dataset.
    (tars / "uids.txt").write_text("0.1\n2.9\n0.2\n")
    with pytest.raises(InputError, match=r"uids\.txt: content changed"):
        run(spark, job(tars, tmp_path / "out", tokenizer_dir, **settings))
    assert Counter(path.read_bytes() for path in (tmp_path / "out").glob("shard.*")) == before


@pytest.mark.parametrize("where", ["no_such_column > 1", "width >", "width + 1"])
def test_a_predicate_that_cannot_be_run_is_refused_first(
    spark: SparkSession, tars: Path, tokenizer_dir: Path, tmp_path: Path, where: str
) -> None:
    with pytest.raises(InputError, match="where"):
        run(spark, job(tars, tmp_path / "out", tokenizer_dir, where=where))
    assert not (tmp_path / "out").exists()


def test_near_duplicates_need_a_way_to_find_them(tars: Path, tokenizer_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a `distance` or a list"):
        job(tars, tmp_path, tokenizer_dir, near_duplicates={"distance": None})
