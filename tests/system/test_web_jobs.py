"""Every data job from a web server on loopback, over TLS and through faults: the bytes are those of local files."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pyspark.sql import SparkSession

from dataprep.conversations import job as conversations
from dataprep.conversations.config import ConversationsJob
from dataprep.download import job as download
from dataprep.download.config import DownloadJob
from dataprep.engine.plan import Plan
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
from tests.helpers.tls import certificate, encrypt

Picture = Callable[..., bytes]
NAMES = ["a b.jpg", "100%.jpg", "#1.jpg", "what?.jpg", "Über.jpg", "in/a/folder.jpg", "%41.jpg"]
"""Of pictures: each is another file only where it is quoted as a part of an address."""


@pytest.fixture
def web(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetHub]:
    """A server that driver and workers believe; these are new processes."""
    key, chain = certificate(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(chain))
    monkeypatch.setitem(spark.sparkContext.environment, "REQUESTS_CA_BUNDLE", str(chain))
    files._filesystem.cache_clear()
    with loopback_datasets() as server:
        encrypt(server, key, chain)
        yield server
    files._filesystem.cache_clear()


def serve(web: DatasetHub, name: str, content: dict[str, bytes], folder: Path) -> tuple[str, str]:
    """Puts files on the server and on the disk; returns where they begin in both."""
    commit = web.push(f"o/{name}", content)
    put(folder / name, content)
    return f"https://127.0.0.1:{web.server_address[1]}/cdn/o/{name}/{commit}", str(folder / name)


def read_from(dataset: Path) -> list[str]:
    """The inputs of a dataset, by its plan."""
    return [one.path for one in Plan.model_validate_json((dataset / ".switchpoint/plan.json").read_text()).inputs]


def test_conversations(
    spark: SparkSession, web: DatasetHub, tmp_path: Path, tokenizer_dir: Path, picture: Picture
) -> None:
    turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "That."}]
    rows = [{"id": f"{n}", "image": NAMES[n % 7], "conversations": turns} for n in range(21)]
    rows += [{"id": "none", "image": "none.jpg", "conversations": turns}]
    content = {f"images/{name}": picture(n) for n, name in enumerate(NAMES)}
    web_root, here = serve(web, "llava", {**content, "chat.json": json.dumps(rows).encode()}, tmp_path)

    def made(root: str, name: str) -> Path:
        settings = {"inputs": f"{root}/chat.json", "image_root": f"{root}/images", "tokenizer": str(tokenizer_dir)}
        shape = {"seq_len": 96, "geometry": {"size": 32, "patch": 16}, "shard_bytes": 1 << 16}
        job = ConversationsJob.model_validate({**settings, **shape, "out": str(tmp_path / name)})
        found = conversations.run(spark, job).manifest.rows
        assert (found.written, found.rejected) == (21, {"missing_image": 1})
        return Path(job.out)

    web.faults += [Fault("HEAD", 503), Fault("GET", 429, {"Retry-After": "1"}), Fault("folder.jpg")]
    remote = made(web_root, "remote")
    assert web.faults == []
    assert shards(remote) == shards(made(here, "local"))
    assert read_from(remote) == [f"{web_root}/chat.json"]
    asked = [line for line in web.asked if "/images/" in line]
    assert len(asked) == len(NAMES) + 1 + 1, "a request a picture, and one more for what broke off"


@pytest.mark.soak
def test_texts_evaluation_sets_and_manifests(
    spark: SparkSession, web: DatasetHub, tmp_path: Path, tokenizer_dir: Path
) -> None:
    texts = [b"\n".join(json.dumps({"text": f"row {n} of {m} " * 5}).encode() for n in range(60)) for m in range(2)]
    items = b"\n".join(json.dumps({"q": f"row {n} of 1 row {n} of 1"}).encode() for n in range(5))
    content = {f"{m}.jsonl.zst": zstandard.compress(one) for m, one in enumerate(texts)} | {"items.jsonl": items}
    web_root, here = serve(web, "mix", content, tmp_path)

    def made(root: str, name: str) -> Path:
        sets = [{"name": "items", "files": f"{root}/items.jsonl", "fields": "q"}]
        settings: dict[str, Any] = {"inputs": [f"{root}/{m}.jsonl.zst" for m in range(2)], "seq_len": 32}
        rules = {"decontaminate": {"sets": sets, "ngram": 6}, "tokenizer": str(tokenizer_dir)}
        job = TextJob.model_validate({**settings, **rules, "out": str(tmp_path / name)})
        assert text.run(spark, job).rows.rejected == {"contaminated:items": 5}
        return Path(job.out)

    web.faults += [Fault("HEAD", 503), Fault("0.jsonl"), Fault("items", 500)]
    remote = made(web_root, "remote")
    assert web.faults == []
    assert shards(remote) == shards(made(here, "local"))
    assert read_from(remote) == [f"{web_root}/{m}.jsonl.zst" for m in range(2)]
    dataset, _ = serve(web, "made", {name: data for name, data in tree(remote).items() if name[0] != "."}, tmp_path)
    web.faults += [Fault("manifest.json", 503), Fault("shard.0")]
    manifest, problems = verify(dataset)
    assert (manifest.rows.written, problems) == (115, [])
    name = next(name for name in web.files["o/made"][dataset.rpartition("/")[2]] if name.endswith(".mds"))
    web.files["o/made"][dataset.rpartition("/")[2]][name] += b"x"
    _, problems = verify(dataset)
    assert [f"{dataset}/{name}" in problem for problem in problems] == [True]


@pytest.mark.soak
def test_pairs_in_tars_and_parquet(
    spark: SparkSession, web: DatasetHub, tmp_path: Path, tokenizer_dir: Path, picture: Picture
) -> None:
    tar, table = io.BytesIO(), io.BytesIO()
    members = [(f"{n:03}", picture(n), f"caption {n}".encode()) for n in range(20)]
    write_tar(tar, [one for key, data, words in members for one in ((f"{key}.jpg", data), (f"{key}.txt", words))])
    rows = [{"uid": f"p{n}", "image": picture(n + 50), "txt": f"words {n}"} for n in range(20)]
    pq.write_table(pa.Table.from_pylist(rows), table)
    content = {"0.tar": tar.getvalue(), "1.parquet": table.getvalue()}
    web_root, here = serve(web, "dr", content, tmp_path)

    def made(root: str, name: str) -> dict[str, bytes]:
        settings = {"inputs": [f"{root}/{one}" for one in content], "tokenizer": str(tokenizer_dir), "seq_len": 64}
        job = {**settings, "geometry": {"size": 32, "patch": 16}, "out": str(tmp_path / name)}
        assert pairs.run(spark, PairsJob.model_validate(job)).manifest.rows.written == 40
        return shards(tmp_path / name)

    web.faults += [Fault("HEAD", 503), Fault("0.tar"), Fault("1.parquet", 429)]
    assert made(web_root, "remote") == made(here, "local")
    assert web.faults == []


@pytest.mark.soak
def test_lists_of_urls(spark: SparkSession, web: DatasetHub, tmp_path: Path, picture: Picture) -> None:
    with running(picture) as server:
        lines = ["uid,url,text", *(f"{n:032x},{server.url(f'good/{n}')},caption {n}" for n in range(20))]
        tar = io.BytesIO()
        write_tar(tar, [(f"{n:032x}.syn.json", json.dumps({"syn_text": [f"syn {n}"]}).encode()) for n in range(20)])
        content = {"0.csv": "\n".join(lines).encode(), "0.tar": tar.getvalue()}
        web_root, here = serve(web, "datacomp", content, tmp_path)

        def made(root: str, name: str) -> dict[str, bytes]:
            base = {"metadata": f"{root}/0.csv", "dr": f"{root}/0.tar", "out": str(tmp_path / name)}
            times = {"rows_per_shard": 10, "timeout": 60, "total_timeout": 120, "threads": 8}
            job = DownloadJob.model_validate({**base, **times, "allow_addresses": ["127.0.0.1"]})
            assert download.run(spark, job)["uids"]["success"] == 20
            return {one.name: one.read_bytes() for one in Path(job.out).iterdir() if one.suffix in (".tar", ".parquet")}

        web.faults += [Fault("HEAD", 503), Fault("0.csv"), Fault("0.tar", 429)]
        assert made(web_root, "remote") == made(here, "local")
        assert web.faults == []
