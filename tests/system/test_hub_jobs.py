"""Every data job from a hub on loopback that limits and breaks off: the bytes are those of local files.

What cannot be had is one line for every job, with its remedy, before any work.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.conversations import job as conversations
from dataprep.conversations.config import ConversationsJob
from dataprep.download import job as download
from dataprep.download.config import DownloadJob
from dataprep.pairs import job as pairs
from dataprep.pairs.config import PairsJob
from dataprep.storage import files
from dataprep.tar.write import write_tar
from dataprep.text import job as text
from dataprep.text.config import TextJob
from dataprep.verify import verify
from tests.helpers.dataset_hub import DatasetHub, Fault, loopback_datasets
from tests.helpers.folders import put, shards, tree
from tests.helpers.stranger import running

FAULTS = [Fault("/tree/", 429, {"Retry-After": "1"}), Fault("HEAD ", 503), Fault("/cdn/"), Fault("GET /datasets", 500)]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetHub]:
    """A hub that this process asks."""
    files._filesystem.cache_clear()
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with loopback_datasets() as running:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", running.address)
        yield running
    files._filesystem.cache_clear()


@pytest.fixture
def hub(spark: SparkSession, asked: DatasetHub, monkeypatch: pytest.MonkeyPatch) -> DatasetHub:
    """A hub that workers ask, too: they are new processes, which take the endpoint from their environment."""
    for name, value in (("HF_ENDPOINT", asked.address), ("HF_HUB_OFFLINE", "0")):
        monkeypatch.setitem(spark.sparkContext.environment, name, value)
    return asked


def documents(number: int) -> bytes:
    rows = [json.dumps({"text": f"document {n} of {number} " * (n % 7), "url": f"http://h/{n}"}) for n in range(60)]
    return zstandard.compress("\n".join(rows).encode())


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


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("none/x.jsonl", "HTTP 401: no such dataset, or it is private and the token does not open it; check the name"),
        ("gated/x.jsonl", "HTTP 403: the dataset is gated; ask for access at http.*/o/gated, then set HF_TOKEN"),
        ("open/none.jsonl", "no file matches; check the path or the glob"),
        ("open@gone/x.jsonl", "HTTP 404: the dataset has no such revision; look at http.*/datasets/o/open"),
    ],
)
@pytest.mark.parametrize("kind", ["text", "evaluation set", "pairs", "banned", "conversations", "pictures", "download"])
def test_what_cannot_be_had_is_one_line_for_every_job(
    asked: DatasetHub, tmp_path: Path, tokenizer_dir: Path, kind: str, address: str, said: str
) -> None:
    asked.push("o/gated", {"x.jsonl": b""})
    asked.push("o/open", {"x.jsonl": b"{}"})
    asked.gated.add("o/gated")
    (tmp_path / "x.jsonl").write_bytes(b"{}")
    uri, here = f"hf://datasets/o/{address}", str(tmp_path / "x.jsonl")
    base: dict[str, Any] = {"out": str(tmp_path / "out"), "tokenizer": str(tokenizer_dir)}
    geometry = {"geometry": {"size": 32, "patch": 16}}
    sets = {"sets": [{"name": "s", "files": uri, "fields": "q"}]}
    checks: dict[str, Callable[[], object]] = {
        "text": lambda: text.check(TextJob.model_validate({**base, "inputs": uri})),
        "evaluation set": lambda: text.check(TextJob.model_validate({**base, "inputs": here, "decontaminate": sets})),
        "pairs": lambda: pairs.describe(PairsJob.model_validate({**base, **geometry, "inputs": uri})),
        "banned": lambda: pairs.describe(
            PairsJob.model_validate({**base, **geometry, "inputs": here, "banned": {"uids": uri}})
        ),
        "conversations": lambda: conversations.describe(
            ConversationsJob.model_validate({**base, **geometry, "inputs": uri, "image_root": str(tmp_path)})
        ),
        "pictures": lambda: conversations.describe(
            ConversationsJob.model_validate({**base, **geometry, "inputs": here, "image_root": uri})
        ),
        "download": lambda: download.describe(DownloadJob.model_validate({"out": base["out"], "metadata": uri})),
    }
    if kind == "pictures" and address == "open/none.jsonl":
        said = "no such folder; give the folder that the rows' `image` paths begin in"
    with pytest.raises(InputError, match=said) as refused:
        checks[kind]()
    assert "\n" not in str(refused.value)
    assert f"o/{address.partition('/')[0]}" in str(refused.value)


@pytest.mark.soak
def test_evaluation_sets_and_manifests(
    spark: SparkSession, hub: DatasetHub, tmp_path: Path, tokenizer_dir: Path
) -> None:
    items = b"\n".join(json.dumps({"q": f"document {n} of 1 document {n} of 1"}).encode() for n in range(5))
    content = {f"{n}.jsonl.zst": documents(n) for n in range(2)} | {"test/items.jsonl": items}
    put(tmp_path / "in", content)
    commit = hub.push("o/mix", content)

    def made(root: str, name: str) -> Path:
        sets = [{"name": "items", "files": f"{root}/test/*.jsonl", "fields": "q"}]
        settings: dict[str, Any] = {"inputs": f"{root}/*.zst", "tokenizer": str(tokenizer_dir), "seq_len": 32}
        rules = {"decontaminate": {"sets": sets, "ngram": 6}, "deduplicate": True}
        job = TextJob.model_validate({**settings, **rules, "out": str(tmp_path / name)})
        assert text.run(spark, job).rows.rejected["contaminated:items"] == 3
        return Path(job.out)

    local = made(f"{tmp_path}/in", "local")
    hub.faults += FAULTS
    remote = made("hf://datasets/o/mix", "remote")
    assert hub.faults == []
    assert shards(remote) == shards(local)
    pinned = [one["path"] for one in json.loads((remote / "manifest.json").read_text())["inputs"]]
    assert pinned == [f"hf://datasets/o/mix@{commit}/{n}.jsonl.zst" for n in range(2)]
    plan = (remote / ".switchpoint/plan.json").read_text()
    assert f'"hf://datasets/o/mix@{commit}/test/items.jsonl"' in plan
    hub.push("o/made", {name: data for name, data in tree(remote).items() if not name.startswith(".")})
    hub.faults += FAULTS
    manifest, problems = verify("hf://datasets/o/made")
    assert (manifest.rows.rejected["contaminated:items"], problems) == (3, [])


@pytest.mark.soak
def test_conversations(
    spark: SparkSession, hub: DatasetHub, tmp_path: Path, tokenizer_dir: Path, picture: Callable[..., bytes]
) -> None:
    turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "That."}]
    rows = [{"id": f"{n}", "image": f"coco/{n % 40}.jpg", "conversations": turns} for n in range(60)]
    rows += [{"id": "none", "image": "coco/none.jpg", "conversations": turns}]
    content = {f"images/coco/{n}.jpg": picture(n, ("JPEG", "PNG", "WEBP")[n % 3]) for n in range(40)}
    content |= {"chat.json": json.dumps(rows).encode()}
    put(tmp_path / "in", content)
    commit = hub.push("o/llava", content)

    def made(root: str, name: str) -> Path:
        settings = {"inputs": f"{root}/chat.json", "image_root": f"{root}/images", "tokenizer": str(tokenizer_dir)}
        shape = {"seq_len": 96, "geometry": {"size": 32, "patch": 16}, "rows_per_task": 25, "shard_bytes": 1 << 16}
        job = ConversationsJob.model_validate({**settings, **shape, "out": str(tmp_path / name)})
        found = conversations.run(spark, job).manifest.rows
        assert (found.written, found.rejected) == (60, {"missing_image": 1})
        return Path(job.out)

    local = made(f"{tmp_path}/in", "local")
    hub.asked.clear()
    remote = made("hf://datasets/o/llava", "calm")
    assert shards(remote) == shards(local)
    times = Counter(path for line in hub.asked for path in content if path.startswith("images") and path in line)
    assert set(times.values()) <= {2, 4}, "a request and its redirect's for each of the tasks that need the picture"
    assert times.total() == 2 * (40 + 20)
    hub.faults += [Fault("/revision/", 503), Fault("/images/", 429, {"Retry-After": "1"}), Fault("/cdn/", 500)]
    hub.faults += [Fault("/cdn/"), Fault("7.jpg?")]
    remote = made("hf://datasets/o/llava", "remote")
    assert hub.faults == []
    assert shards(remote) == shards(local)
    pinned = [one["path"] for one in json.loads((remote / "manifest.json").read_text())["inputs"]]
    assert pinned == [f"hf://datasets/o/llava@{commit}/chat.json"]
    hub.push("o/llava", {**content, "images/coco/0.jpg": picture(99)})
    with pytest.raises(InputError, match=f"image_root.*{commit}"):
        made("hf://datasets/o/llava", "remote")
    made(f"hf://datasets/o/llava@{commit}", "remote")


@pytest.mark.soak
def test_download(spark: SparkSession, hub: DatasetHub, tmp_path: Path, picture: Callable[..., bytes]) -> None:
    with running(picture) as server:
        rows = [{"uid": f"{n:032x}", "url": server.url(f"good/{n}"), "text": f"caption {n}"} for n in range(40)]
        table, tar = io.BytesIO(), io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), table)
        said = [(str(row["uid"]), json.dumps({"syn_text": [f"syn {n}"]}).encode()) for n, row in enumerate(rows)]
        write_tar(
            tar, [one for uid, words in said for one in ((f"{uid}.npz", bytes(70_000)), (f"{uid}.syn.json", words))]
        )
        content = {"metadata/0.parquet": table.getvalue(), "dr/0.tar": tar.getvalue()}
        put(tmp_path / "in", content)
        hub.push("o/datacomp", content)

        def made(root: str, name: str) -> dict[str, bytes]:
            base = {"metadata": f"{root}/metadata/*.parquet", "dr": f"{root}/dr/*.tar", "out": str(tmp_path / name)}
            times = {"rows_per_shard": 20, "timeout": 60, "total_timeout": 120, "threads": 8}
            job = DownloadJob.model_validate({**base, **times, "allow_addresses": ["127.0.0.1"]})
            assert download.run(spark, job)["uids"]["success"] == 40
            return {one.name: one.read_bytes() for one in Path(job.out).iterdir() if one.suffix in (".tar", ".parquet")}

        local = made(f"{tmp_path}/in", "local")
        hub.faults += FAULTS
        remote = made("hf://datasets/o/datacomp", "remote")
        assert hub.faults == []
        assert remote == local


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
