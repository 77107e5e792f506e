"""Compares the download job with plain img2dataset under the same settings, in one run.

    python benchmarks/download.py WORK --images 5000 --runs 3

Generates photo-like JPEGs (smooth shapes with sensor noise, sizes as after the usual resizing to 512 on the longer
side), serves them on loopback from a process of its own, and downloads them with `dataprep/jobs/download.py` and with
img2dataset's `download()` under two of its distributors: `multiprocessing`, its default, which starts no JVM, and
`pyspark`, which starts one as we do. Same URLs, threads, processes, shard size, hashes, retries; no re-encoding. Prints
a JSON object with medians and ratios; times include the start of each program and the JVM's. CPU seconds are
those of all processes of a program: on a machine that others use too they tell more than wall time.

What differs and cannot be made equal: we check addresses, sniff and inspect every image, join and deduplicate uids,
write tars in a canonical order and a report. img2dataset gets a JVM of ordinary size by a session of our own, because
its own asks for 16 GB.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SIZES = ((512, 384), (384, 512), (512, 341), (512, 512))
DISTINCT = 500
"""How many pictures are generated; URLs repeat them."""
PEERS = ("multiprocessing", "pyspark")
_PEER = """
import sys, json
from img2dataset import download
if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    if arguments["distributor"] == "pyspark":
        from pyspark.sql import SparkSession
        SparkSession.builder.master(f"local[{arguments['processes_count']}]").getOrCreate()
    download(**arguments)
"""


def main() -> None:
    """Runs both programs in turn and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="new directory for inputs and results")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=32, help="a process")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3, help="of each program, in turn; medians are reported")
    parser.add_argument("--only", choices=("ours", *PEERS), action="append", help="for profiling")
    options = parser.parse_args()
    work: Path = options.work.absolute()
    work.mkdir(parents=True)
    with serving(min(DISTINCT, options.images)) as (port, mean_bytes):
        write_metadata(work / "metadata.parquet", port, options.images, min(DISTINCT, options.images))
        seconds: dict[str, list[float]] = {}
        cpu_seconds: dict[str, list[float]] = {}
        for _ in range(options.runs):
            for name in options.only or ("ours", *PEERS):
                out = work / name
                took = ours(work, out, options) if name == "ours" else plain(work, out, options, name)
                seconds.setdefault(name, []).append(round(took[0], 2))
                cpu_seconds.setdefault(name, []).append(round(took[1], 2))
                print(f"{name}: {took[0]:.1f} s, {took[1]:.1f} s of CPU", file=sys.stderr, flush=True)
                shutil.rmtree(out)
    wall, cpu = ({name: statistics.median(taken) for name, taken in one.items()} for one in (seconds, cpu_seconds))
    peers = [name for name in PEERS if {name, "ours"} <= {*wall}]
    result = {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "images_a_second": {name: round(options.images / taken) for name, taken in wall.items()},
        "ours_over": {name: round(wall["ours"] / wall[name], 3) for name in peers},
        "ours_over_in_cpu_seconds": {name: round(cpu["ours"] / cpu[name], 3) for name in peers},
        "about": {
            "images": options.images,
            "mean_bytes": mean_bytes,
            "threads": options.threads,
            "processes": options.processes,
            "cpus": os.cpu_count(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("img2dataset", "pyspark", "pillow", "pyarrow")},
        },
    }
    print(json.dumps(result, indent=1))


@contextmanager
def serving(distinct: int) -> Iterator[tuple[int, int]]:
    """A server process with `distinct` pictures; its port, and their mean size in bytes."""
    pictures = [photo(seed) for seed in range(distinct)]
    context = multiprocessing.get_context("fork")
    queue: Any = context.Queue()
    server = context.Process(target=serve, args=(pictures, queue), daemon=True)
    server.start()
    try:
        yield queue.get(timeout=30), round(sum(map(len, pictures)) / distinct)
    finally:
        server.kill()


def photo(seed: int) -> bytes:
    """A JPEG with a photograph's statistics: large smooth areas, edges, and noise; some 40 kB."""
    draw = np.random.default_rng(seed)
    width, height = SIZES[seed % len(SIZES)]
    coarse = draw.integers(0, 256, (12, 16, 3), dtype=np.uint8)
    fine = draw.integers(96, 160, (height // 8, width // 8, 3), dtype=np.uint8)
    size = (width, height)
    smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), np.float32)
    detail = np.asarray(Image.fromarray(fine).resize(size, Image.Resampling.BILINEAR), np.float32) - 128
    pixels = np.clip(smooth + detail + draw.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=85)
    return out.getvalue()


def serve(pictures: list[bytes], port: Any) -> None:
    """Answer every GET with a picture, as fast as one process can."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
            body = pictures[int(line.rpartition(b"/")[2]) % len(pictures)]
            head = f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
            await writer.drain()
            writer.close()
        except (OSError, asyncio.IncompleteReadError):
            return

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=1024)
        port.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


def write_metadata(path: Path, port: int, images: int, distinct: int) -> None:
    """DataComp's columns for URLs on the loopback server."""
    draw = np.random.default_rng(0)
    words = ["a", "photo", "of", "the", "red", "house", "with", "garden", "and", "cat", "on", "street", "vintage"]
    rows = [
        {
            "uid": f"{index:032x}",
            "url": f"http://127.0.0.1:{port}/{index % distinct}",
            "text": " ".join(draw.choice(words, 1 + int(draw.lognormal(2.4, 0.7)))),
        }
        for index in range(images)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)


def timed(command: list[str]) -> tuple[float, float]:
    """Wall seconds of `command`, which must succeed, and the CPU seconds of it and all of its processes."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "offline", "PATH": programs}
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env={**env, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        sys.exit(f"{command[1]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu


def plain(work: Path, out: Path, options: argparse.Namespace, distributor: str) -> tuple[float, float]:
    """Runs img2dataset itself under one of its distributors."""
    arguments = {
        "url_list": str(work / "metadata.parquet"),
        "input_format": "parquet",
        "url_col": "url",
        "caption_col": "text",
        "save_additional_columns": ["uid"],
        "output_format": "webdataset",
        "output_folder": str(out),
        "processes_count": options.processes,
        "thread_count": options.threads,
        "number_sample_per_shard": shard_rows(options),
        "resize_mode": "no",
        "disable_all_reencoding": True,
        "extract_exif": False,
        "compute_hash": "sha256",
        "retries": 1,
        "timeout": 10,
        "enable_wandb": False,
        "distributor": distributor,
    }
    program = work / "peer.py"
    program.write_text(_PEER)
    took = timed([sys.executable, str(program), json.dumps(arguments)])
    check(sum(json.loads(path.read_text())["successes"] for path in out.glob("*_stats.json")), options)
    return took


def ours(work: Path, out: Path, options: argparse.Namespace) -> tuple[float, float]:
    """`dataprep/jobs/download.py` on as many cores."""
    job = {
        "metadata": str(work / "metadata.parquet"),
        "out": str(out),
        "rows_per_shard": shard_rows(options),
        "threads": options.threads,
        "timeout": 10,
        "retries": 1,
        "host_connections": None,
        "allow_addresses": ["127.0.0.1"],
    }
    (work / "download.yaml").write_text(json.dumps(job))
    submit = str(Path(sys.executable).parent / "spark-submit")
    script = str(ROOT / "dataprep/jobs/download.py")
    took = timed(["bash", submit, "--master", f"local[{options.processes}]", script, str(work / "download.yaml")])
    check(json.loads((out / "download.json").read_text())["uids"]["success"], options)
    return took


def shard_rows(options: argparse.Namespace) -> int:
    """Two shards for every process: both programs keep all of theirs busy."""
    return -(-options.images // (2 * options.processes))


def check(images: int, options: argparse.Namespace) -> None:
    """Fails if a program has lost images: it is not fast then."""
    if images != options.images:
        sys.exit(f"{images} images of {options.images}")


if __name__ == "__main__":
    main()
