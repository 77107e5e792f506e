"""Run the jobs whose bytes are golden: each with the settings that lead through the most of it, on inputs of a second.

The bytes of a run: every file below `out` but for pages, which are for people, and what staging leaves. Where the
machine shows in them (the folder of the test) it is replaced; the plan's hash and the packages are left out, since
digests are kept by what these name.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from filelock import FileLock
from pyspark.sql import SparkSession

from dataprep.conversations import job as conversations
from dataprep.conversations.config import ConversationsJob
from dataprep.download import job as download
from dataprep.download.config import DownloadJob
from dataprep.engine.output_version import JobKind
from dataprep.engine.paths import CHECKSUMS_NAME
from dataprep.pairs import job as pairs
from dataprep.pairs.config import PairsJob
from dataprep.text import job as text
from dataprep.text.config import TextJob
from tests.system.golden_datasets import inputs

PORT = 18_083
"""Of the server of pictures. Fixed, since URLs are in the bytes of a download; below what systems hand out."""
SITE = f"http://127.0.0.1:{PORT}"
_HERE = "/golden"
"""What stands for the folder of a run."""

Digests = dict[str, str]
"""Of each file below the outputs of a job."""


def text_bytes(spark: SparkSession, world: Path, out: Path) -> None:
    """Run the text job twice: as it comes and compressed; and with everything that leaves documents out."""
    settings = {"inputs": [str(world / "text")], "tokenizer": str(world / "tokenizer"), "seq_len": 32}
    plain = {"out": str(out / "plain"), "shuffle": False, "compression": "zstd:3", "shard_bytes": 8192}
    evaluation = {"name": "planets", "files": [str(world / "evaluation.jsonl")], "fields": ["question"]}
    chosen = {
        "out": str(out / "chosen"),
        "seed": 5,
        "held_out": 0.2,
        "where": "url is null or url not like '%h3.example%'",
        "deduplicate": True,
        "near_duplicates": True,
        "decontaminate": {"sets": [evaluation]},
    }
    for more in (plain, chosen):
        text.run(spark, TextJob.model_validate(settings | more))


def pairs_bytes(spark: SparkSession, world: Path, out: Path, **more: Any) -> None:
    """Run the pairs job with a choice of captions, a condition and near-duplicates."""
    settings: dict[str, Any] = {
        "inputs": str(world / "pairs/*.tar"),
        "out": str(out),
        "tokenizer": str(world / "tokenizer"),
        "seq_len": 128,
        "geometry": {"size": 32, "patch": 16},
        "captions": {"use": "sample", "probabilities": {"web": 0.5, "synthetic": 0.5}},
        "where": "clip_l14_similarity_score > 0.1 or uid = '0-0'",
        "near_duplicates": {"distance": 3},
        "compression": "zstd",
        "shard_bytes": 4096,
    }
    pairs.run(spark, PairsJob.model_validate(settings | more))


def conversations_bytes(spark: SparkSession, world: Path, out: Path, **more: Any) -> None:
    """Run the conversations job in two tasks."""
    settings: dict[str, Any] = {
        "inputs": str(world / "conversations/rows.json"),
        "image_root": str(world / "conversations/images"),
        "out": str(out),
        "tokenizer": str(world / "tokenizer"),
        "seq_len": 160,
        "geometry": {"size": 32, "patch": 16},
        "rows_per_task": 12,
        "shard_bytes": 4096,
    }
    conversations.run(spark, ConversationsJob.model_validate(settings | more))


def download_bytes(spark: SparkSession, world: Path, out: Path) -> None:
    """Run the download job against a server of the pictures."""
    settings = {
        "metadata": str(world / "download/*.parquet"),
        "dr": str(world / "download/*.tar"),
        "out": str(out),
        "rows_per_shard": 5,
        "threads": 2,
        "timeout": 60,
        "total_timeout": 120,
        "retries": 0,
        "allow_addresses": ["127.0.0.1"],
    }
    with _pictures():
        download.run(spark, DownloadJob.model_validate(settings))


JOBS: Mapping[tuple[JobKind, str], Callable[[SparkSession, Path, Path], None]] = {
    ("text", ""): text_bytes,
    ("pairs", ""): pairs_bytes,
    ("pairs", "held_out"): functools.partial(pairs_bytes, held_out=0.3),
    ("conversations", ""): conversations_bytes,
    ("conversations", "held_out"): functools.partial(conversations_bytes, held_out=0.3),
    ("download", ""): download_bytes,
}
"""By job, and what is special about the run."""


def digests(spark: SparkSession, kind: JobKind, folder: Path, special: str = "") -> Digests:
    """Run the job `kind` in the empty `folder`; returns the digest of each file that it made."""
    inputs.write(folder / "world", SITE)
    out = folder / "out"
    JOBS[kind, special](spark, folder / "world", out)
    found = sorted(path.relative_to(out) for path in out.rglob("*") if path.is_file())
    kept = [name for name in found if ".switchpoint" not in name.parts and name.suffix != ".html"]
    return {str(name): hashlib.sha256(_bytes(out / name, str(folder))).hexdigest()[:32] for name in kept}


def _bytes(path: Path, folder: str) -> bytes:
    """What is digested of a file: its bytes, or, where the folder stands in them, what it says without that."""
    data = path.read_bytes()
    if path.suffix == ".parquet":
        rows = json.dumps(pq.read_table(io.BytesIO(data)).to_pylist())
        if folder not in rows:
            return data
        return f"{pq.read_schema(io.BytesIO(data))}\n{rows.replace(folder, _HERE)}".encode()
    if path.name == CHECKSUMS_NAME:  # of files in which the folder stands: what counts is which files it lists
        data = b"\n".join(line.rpartition(b" = ")[0] for line in data.splitlines())
    if path.name in ("manifest.json", "download.json"):
        content: dict[str, Any] = json.loads(data)
        data = json.dumps({key: content[key] for key in content if key not in ("plan", "packages")}).encode()
    return data.replace(folder.encode(), _HERE.encode())


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def _pictures() -> Iterator[None]:
    """Serve the pictures; whoever else does so on this machine is waited for."""
    handler = functools.partial(_Quiet, directory=str(inputs.PICTURES))
    with (
        FileLock(Path(tempfile.gettempdir()) / f"switchpoint-golden-{PORT}.lock"),
        http.server.ThreadingHTTPServer(("127.0.0.1", PORT), handler) as server,
    ):
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
