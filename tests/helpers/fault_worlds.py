"""Small inputs for each data job, and a file system of a few hundred kilobytes that fills up."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.engine import job_command
from dataprep.tar.write import write_tar
from tests.helpers.stranger import Stranger, encode

JOBS = ("text", "pairs", "conversations", "download")
QUESTION = "a question of no fewer than seven words"


def settings(job: str, folder: Path, tokenizer: Path, server: Stranger | None, times: int = 1) -> dict[str, Any]:
    """Write the inputs of `job` to `folder`, `times` as many rows where it shall last; its settings but for `out`."""
    folder.mkdir(parents=True, exist_ok=True)
    common = {"tokenizer": str(tokenizer), "seq_len": 96, "shard_bytes": 1 << 14}
    size = (96, 64) if times == 1 else (400, 300)
    pictures = {**common, "geometry": {"size": 32, "patch": 16}}
    if job == "text":
        for number in range(4):
            texts = [f"{number}.{line} the and thing " * 20 for line in range(80 * times)]
            texts[7::40] = texts[6::40]
            texts[9::40] = [f"{text}{QUESTION}" for text in texts[9::40]]
            (folder / f"{number}.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
        return {**common, "inputs": str(folder / "*.jsonl")}
    if job == "pairs":
        for number in range(4):
            members = []
            for row in range(12 * times):
                members += [(f"{row}.png", encode(row, "PNG", size)), (f"{row}.txt", b"a caption")]
            with open(folder / f"{number}.tar", "wb") as out:
                write_tar(out, members)
        return {**pictures, "inputs": str(folder / "*.tar")}
    if job == "conversations":
        (folder / "images").mkdir()
        turns = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "That."}]
        for row in range(40):
            (folder / f"images/{row}.png").write_bytes(encode(row, "PNG", size))
        rows = [{"id": f"{row}", "image": f"{row % 40}.png", "conversations": turns} for row in range(40 * times)]
        (folder / "rows.json").write_text(json.dumps(rows))
        where = {"inputs": str(folder / "rows.json"), "image_root": str(folder / "images")}
        return {**pictures, **where, "rows_per_task": 10 * times}
    assert server is not None
    rows = [{"uid": f"{row:08x}", "url": server.url(f"good/{row}"), "text": "a"} for row in range(60 * times)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "metadata.parquet")
    near = {"allow_addresses": ["127.0.0.1"], "retries": 0, "timeout": 60, "total_timeout": 60}
    return {"metadata": str(folder / "metadata.parquet"), "rows_per_shard": 15 * times, "threads": 4, **near}


def selecting(job: str, folder: Path) -> dict[str, Any]:
    """Further settings, by which a job leaves out rows that others are like, or that an evaluation set holds."""
    if job == "text":
        (folder / "evaluation.jsonl").write_text(json.dumps({"q": QUESTION}))
        sets = [{"name": "seven", "files": str(folder / "evaluation.jsonl"), "fields": "q"}]
        rules: dict[str, Any] = {"deduplicate": True, "held_out": 0.2, "where": "characters > 10"}
        return {**rules, "decontaminate": {"sets": sets, "ngram": 7}}
    return {"pairs": {"deduplicate": True, "held_out": 0.3}, "conversations": {"held_out": 0.3}}.get(job, {})


def slow_tokenizer(folder: Path, tokenizer: Path) -> Path:
    """A tokenizer that gigatoken does not support, so that tasks last long enough to be hit."""
    parsed = json.loads((tokenizer / "tokenizer.json").read_text())
    parsed["pre_tokenizer"] = {"type": "Whitespace"}
    (folder / "tokenizer.json").write_text(json.dumps(parsed))
    return folder / "tokenizer.json"


def command(job: str, given: dict[str, Any], out: Path, folder: Path) -> int:
    """Run the job's command in this process, as `dataprep/jobs/JOB.py` does; its exit status."""
    path = folder / f"{job}.yaml"
    path.write_text(json.dumps({**given, "out": str(out)}))
    return job_command.run_job(*_parts(job), [str(path)])


def _parts(job: str) -> tuple[Any, Any, Any]:
    from dataprep.conversations import job as conversations
    from dataprep.conversations.config import ConversationsJob
    from dataprep.download import job as download
    from dataprep.download.config import DownloadJob
    from dataprep.pairs import job as pairs
    from dataprep.pairs.config import PairsJob
    from dataprep.text import job as text
    from dataprep.text.config import TextJob

    return {
        "text": (TextJob, text.check, text.main),
        "pairs": (PairsJob, pairs.describe, pairs.main),
        "conversations": (ConversationsJob, conversations.describe, conversations.main),
        "download": (DownloadJob, download.describe, download.main),
    }[job]


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[Path]:
    """A file system of `size` bytes, mounted at `place`; skips where this user may mount none."""
    place.mkdir(parents=True, exist_ok=True)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def remount(place: Path, options: str) -> None:
    """Change a mounted file system: `size=...`, `ro`, `rw`."""
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
