"""The text job from and to servers on loopback: of the S3 API, of Google Cloud Storage's, and (soak) an HDFS."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from pyspark.sql import SparkSession

from dataprep import verify
from dataprep.engine.paths import STAGING
from dataprep.provenance.why import why
from dataprep.storage import files, globs
from dataprep.text.config import TextJob
from dataprep.text.job import run

BUCKET = "bucket"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def gs(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A process of its own: pyarrow does not let go of the interpreter's lock in every call.
    command = [str(Path(sys.executable).parent / "gcp-storage-emulator"), "start", "--host=127.0.0.1", "--in-memory"]
    server = subprocess.Popen([*command, "--quiet", f"--port={port}", f"--default-bucket={BUCKET}"])
    deadline = time.monotonic() + 60
    while not answers(port):
        assert server.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    files._filesystem.cache_clear()
    yield f"gs://{BUCKET}"
    files._filesystem.cache_clear()
    server.kill()
    server.wait()


def answers(port: int) -> bool:
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=["bucket", *(pytest.param(name, marks=pytest.mark.soak) for name in ("gs", "hdfs"))])
def store(request: pytest.FixtureRequest) -> str:
    """URI of a bucket or a folder."""
    found: str = request.getfixturevalue(request.param)
    return found


def test_files_of_a_store(store: str, tmp_path: Path) -> None:
    files.publish_bytes(b"one", f"{store}/a/b/1.bin")
    (tmp_path / "local").write_bytes(b"x" * (9 << 20))
    files.publish_file(tmp_path / "local", f"{store}/a/2.bin")
    assert files.list_files(f"{store}/a") == [f"{store}/a/2.bin", f"{store}/a/b/1.bin"]
    assert globs.expand([f"{store}/**/*.bin"]) == globs.expand([f"{store}/a"]) == files.list_files(f"{store}/a")
    assert (files.size(f"{store}/a/2.bin"), files.read_bytes(f"{store}/a/b/1.bin")) == (9 << 20, b"one")
    files.publish_bytes(b"two", f"{store}/a/b/1.bin")
    assert files.read_bytes(f"{store}/a/b/1.bin") == b"two"
    assert not files.exists(f"{store}/a/none")
    files.remove(f"{store}/a/2.bin")
    files.remove_tree(f"{store}/a/b")
    files.remove_tree(f"{store}/a/never")
    assert files.list_files(f"{store}/a") == []


def run_in_process(job: TextJob, folder: Path) -> None:
    (folder / "job.yaml").write_text(json.dumps(job.model_dump()))
    command = [sys.executable, str(ROOT / "dataprep/jobs/text.py"), str(folder / "job.yaml")]
    assert subprocess.run(command, cwd=folder, timeout=600, check=False).returncode == 0


@pytest.mark.slow
def test_from_store_to_store_as_on_local_disk(
    spark: SparkSession, store: str, tmp_path: Path, tokenizer_dir: Path
) -> None:
    for number in range(3):
        rows = "\n".join(f'{{"text": "{number} {line % 150} the thing and", "url": "u"}}' for line in range(200))
        data = zstandard.ZstdCompressor().compress(rows.encode())
        (tmp_path / f"{number}.jsonl.zst").write_bytes(data)
        files.publish_bytes(data, f"{store}/in/{number}.jsonl.zst")
    files.publish_bytes(f"{store}/in/*.zst\n".encode(), f"{store}/list.txt")
    outs = {}
    for place, inputs in (
        (str(tmp_path), {"inputs": f"{tmp_path}/*.zst"}),
        (store, {"input_list": f"{store}/list.txt"}),
    ):
        settings = {**inputs, "out": f"{place}/out", "tokenizer": str(tokenizer_dir), "deduplicate": True}
        job = TextJob.model_validate({**settings, "seq_len": 64, "shard_bytes": 1 << 10, "compression": "zstd"})
        if place == store:  # executors get their environment when the JVM starts: a process of its own
            run_in_process(job, tmp_path)
        else:
            assert run(spark, job).rows.rejected == {"duplicate": 150}
        assert verify.verify(job.out)[1] == []
        assert why(job.out, 3)[0].fields["url"] == "u"
        assert [name for name in files.list_files(job.out) if STAGING in name] == [f"{job.out}/{STAGING}/plan.json"]
        shards = [name for name in files.list_files(job.out) if ".mds" in name or name.endswith("index.json")]
        outs[place] = {name.removeprefix(job.out): files.read_bytes(name) for name in shards}
    assert len(outs[store]) > 10
    assert outs[store] == outs[str(tmp_path)]
