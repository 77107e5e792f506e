"""The text and pairs jobs from a hub on loopback that limits and breaks off: the bytes are those of local files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import zstandard
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.pairs import job as pairs
from dataprep.pairs.config import PairsJob
from dataprep.storage import files
from dataprep.tar.write import write_tar
from dataprep.text import job as text
from dataprep.text.config import TextJob
from tests.helpers.dataset_hub import DatasetHub, Fault, loopback_datasets

FAULTS = [Fault("/tree/", 429, {"Retry-After": "1"}), Fault("HEAD ", 503), Fault("/cdn/"), Fault("GET /datasets", 500)]


@pytest.fixture
def hub(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetHub]:
    """The driver is this process; workers are new ones, which take the endpoint from their environment."""
    files._filesystem.cache_clear()
    with loopback_datasets() as running:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", running.address)
        for name, value in (("HF_ENDPOINT", running.address), ("HF_HUB_OFFLINE", "0")):
            monkeypatch.setitem(spark.sparkContext.environment, name, value)
        yield running
    files._filesystem.cache_clear()


def documents(number: int) -> bytes:
    rows = [json.dumps({"text": f"document {n} of {number} " * (n % 7), "url": f"http://h/{n}"}) for n in range(60)]
    return zstandard.compress("\n".join(rows).encode())


def shards(out: Path) -> dict[str, bytes]:
    return {one.name: one.read_bytes() for one in out.iterdir() if one.suffix == ".mds" or one.name == "index.json"}


def put(folder: Path, content: dict[str, bytes]) -> None:
    for name, data in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def test_text(spark: SparkSession, hub: DatasetHub, tmp_path: Path, tokenizer_dir: Path) -> None:
    content = {f"local-shard_{n}/shard.jsonl.zst": documents(n) for n in range(4)} | {"README.md": b"# card"}
    put(tmp_path / "in", content)
    commit = hub.push("o/dclm", content)

    def made(inputs: str, name: str) -> Path:
        settings: dict[str, Any] = {"inputs": inputs, "tokenizer": str(tokenizer_dir), "seq_len": 32}
        job = TextJob.model_validate({**settings, "out": str(tmp_path / name)})
        assert text.run(spark, job).rows.written > 200
        return Path(job.out)

    local = made(f"{tmp_path}/in/**/*.zst", "local")
    hub.faults += FAULTS
    remote = made("hf://datasets/o/dclm/**/*.zst", "remote")
    assert hub.faults == []
    assert shards(remote) == shards(local)
    manifest = json.loads((remote / "manifest.json").read_text())
    pinned = [one["path"] for one in manifest["inputs"]]
    assert pinned == [f"hf://datasets/o/dclm@{commit}/local-shard_{n}/shard.jsonl.zst" for n in range(4)]
    now = hub.push("o/dclm", {**content, "local-shard_0/shard.jsonl.zst": documents(9)})
    moved = (
        rf"o/dclm: commit {commit} -> {now} \(write o/dclm@{commit} to stay at it\) \| input .*_0/.*: content changed; "
    )
    with pytest.raises(InputError, match=moved):
        made("hf://datasets/o/dclm/**/*.zst", "remote")
    made(f"hf://datasets/o/dclm@{commit}/**/*.zst", "remote")


@pytest.mark.soak
def test_pairs(
    spark: SparkSession, hub: DatasetHub, tmp_path: Path, tokenizer_dir: Path, picture: Callable[..., bytes]
) -> None:
    content = {}
    for number in range(2):
        tar = io.BytesIO()
        pictures = [(f"{n:03}", picture(n, "JPEG"), f"caption {n} of {number}".encode()) for n in range(20)]
        write_tar(tar, [one for key, data, words in pictures for one in ((f"{key}.jpg", data), (f"{key}.txt", words))])
        content[f"{number}.tar"] = tar.getvalue()
    put(tmp_path / "in", content)
    hub.push("o/dr", content)

    def made(inputs: str, name: str) -> dict[str, bytes]:
        settings = {"inputs": inputs, "tokenizer": str(tokenizer_dir), "seq_len": 64, "out": str(tmp_path / name)}
        geometry = {"size": 32, "patch": 16}
        assert pairs.run(spark, PairsJob.model_validate({**settings, "geometry": geometry})).manifest.rows.written == 40
        return shards(tmp_path / name)

    local = made(f"{tmp_path}/in/*.tar", "local")
    hub.faults += FAULTS
    assert made("hf://datasets/o/dr/*.tar", "remote") == local
    assert hub.faults == []
