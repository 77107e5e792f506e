"""Download and packing of image-text pairs, measured against plain img2dataset in one run.

    python benchmarks/pairs.py WORK --images 5000

Generates photo-like JPEGs (smooth shapes with sensor noise, sizes as after the usual resizing to 512 on the longer
side), serves them on loopback from a process of its own, and downloads them twice: with img2dataset's `download()`
and with `dataprep/jobs/download.py`, same threads, same cores, no re-encoding. Then it packs our tars, in one
process, to see what a core does, and packs lengths alone for usual image geometries. With `--packing-only` nothing is
downloaded: tars of the same pictures are written first. Prints a JSON object; wall times include the start of each
program.
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
import subprocess
import sys
import time
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
"""Pictures that are generated; URLs repeat them."""


def main() -> None:
    """Run everything; see the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="new directory for inputs and results")
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--threads", type=int, default=32, help="a process")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--packing-only", action="store_true")
    parser.add_argument("--tokenizer", help="directory of a tokenizer.json; without it packing is not measured")
    options = parser.parse_args()
    work: Path = options.work.absolute()
    work.mkdir(parents=True)
    pictures = [photo(seed) for seed in range(min(DISTINCT, options.images))]
    if options.packing_only:
        write_tars(work / "images", pictures, options.images)
        results: dict[str, Any] = {
            "packing": packing(work, options.tokenizer),
            "geometries": geometries(),
            "about": about(options, pictures),
        }
        print(json.dumps(results, indent=1))
        return
    queue: Any = multiprocessing.get_context("fork").Queue()
    server = multiprocessing.get_context("fork").Process(target=serve, args=(pictures, queue), daemon=True)
    server.start()
    port = queue.get(timeout=30)
    try:
        metadata(work / "metadata.parquet", port, options.images, len(pictures))
        results = {
            "img2dataset": plain(work, options),
            "ours": ours(work, options),
        }
    finally:
        server.kill()
    if options.tokenizer:
        results["packing"] = packing(work, options.tokenizer)
    results["ratio"] = round(results["ours"]["seconds"] / results["img2dataset"]["seconds"], 3)
    results["about"] = about(options, pictures)
    print(json.dumps(results, indent=1))


def about(options: argparse.Namespace, pictures: list[bytes]) -> dict[str, Any]:
    """What was measured on which machine with which versions."""
    return {
        "images": options.images,
        "mean_bytes": round(float(np.mean([len(picture) for picture in pictures]))),
        "threads": options.threads,
        "processes": options.processes,
        "cpus": os.cpu_count(),
        "load": os.getloadavg()[0],
        "machine": platform.machine(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("img2dataset", "pyspark", "pillow", "pyarrow")},
    }


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


def metadata(path: Path, port: int, images: int, distinct: int) -> None:
    """DataComp's columns for URLs on the loopback server."""
    texts = captions(images)
    rows = [
        {
            "uid": f"{index:032x}",
            "url": f"http://127.0.0.1:{port}/{index % distinct}",
            "text": texts[index],
        }
        for index in range(images)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)


def timed(command: list[str], **more: str) -> float:
    """Wall seconds of `command`, which must succeed."""
    env = {**os.environ, "NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "offline", "PYTHONPATH": str(ROOT), **more}
    began = time.perf_counter()
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=3600)
    if done.returncode:
        sys.exit(f"{command[1]} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return time.perf_counter() - began


def plain(work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """img2dataset's own command line."""
    out = work / "img2dataset"
    arguments = {
        "url_list": work / "metadata.parquet",
        "input_format": "parquet",
        "url_col": "url",
        "caption_col": "text",
        "save_additional_columns": '["uid"]',
        "output_format": "webdataset",
        "output_folder": out,
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
    }
    program = str(Path(sys.executable).parent / "img2dataset")
    seconds = timed([sys.executable, program, *(f"--{name}={value}" for name, value in arguments.items())])
    counts = [json.loads(path.read_text())["successes"] for path in out.glob("*_stats.json")]
    return {"seconds": round(seconds, 2), "images": sum(counts)}


def ours(work: Path, options: argparse.Namespace) -> dict[str, Any]:
    """`dataprep/jobs/download.py` on as many cores."""
    job = {
        "metadata": str(work / "metadata.parquet"),
        "out": str(work / "images"),
        "rows_per_shard": shard_rows(options),
        "threads": options.threads,
        "timeout": 10,
        "retries": 1,
        "allow_addresses": ["127.0.0.1"],
    }
    (work / "download.yaml").write_text(json.dumps(job))
    submit = str(Path(sys.executable).parent / "spark-submit")
    script = str(ROOT / "dataprep/jobs/download.py")
    seconds = timed(["bash", submit, "--master", f"local[{options.processes}]", script, str(work / "download.yaml")])
    report = json.loads((work / "images/download.json").read_text())
    return {"seconds": round(seconds, 2), "images": report["uids"]["success"], "failed": report["uids"]["failed"]}


def shard_rows(options: argparse.Namespace) -> int:
    """Two shards for every process: both programs keep all of theirs busy."""
    return -(-options.images // (2 * options.processes))


def write_tars(folder: Path, pictures: list[bytes], images: int) -> None:
    """Tars as the download job writes them, 1,250 pairs each."""
    from dataprep.webdataset import write_tar

    folder.mkdir(parents=True)
    texts = captions(images)
    for number, start in enumerate(range(0, images, 1250)):
        members = []
        for index in range(start, min(start + 1250, images)):
            meta = {"uid": f"{index:032x}", "url": f"http://a.example/{index}", "caption": texts[index], "width": 512}
            members += [
                (f"{index:09}.jpg", pictures[index % len(pictures)]),
                (f"{index:09}.json", json.dumps(meta).encode()),
                (f"{index:09}.txt", texts[index].encode()),
            ]
        with open(folder / f"{number:05}.tar", "wb") as out:
            write_tar(out, members)


def captions(count: int) -> list[str]:
    """Alt texts: some words, log-normal in number."""
    draw = np.random.default_rng(0)
    words = ["a", "photo", "of", "the", "red", "house", "with", "garden", "and", "cat", "on", "street", "vintage"]
    return [" ".join(draw.choice(words, 1 + int(draw.lognormal(2.4, 0.7)))) for _ in range(count)]


RUNS = 5


def packing(work: Path, tokenizer: str) -> dict[str, Any]:
    """Our tars to windows in this process, all of them `RUNS` times; processor seconds, medians.

    Beside each run stands what Pillow alone takes to decode the same pictures fully, as training would: the yardstick
    for a machine whose speed varies.
    """
    from dataprep.multimodal import task_spec
    from dataprep.pairs.config import PairsJob
    from dataprep.pairs.task import work as pack
    from dataprep.tasks import Scratch
    from dataprep.webdataset import samples

    tars = sorted((work / "images").glob("*.tar"))
    found: dict[str, Any] = {}
    pictures = []
    with open(tars[0], "rb") as tar:
        for sample in samples(tar, str(tars[0])):
            pictures.append(sample.members["jpg"].read(tar))
    rates: dict[str, list[float]] = {"pillow_full_decode": []}
    for decode in (True, False):
        name = "decoded" if decode else "headers_only"
        out = work / f"pairs-{decode}"
        settings = {"inputs": str(work / "images/*.tar"), "out": str(out), "tokenizer": tokenizer, "decode": decode}
        job = PairsJob.model_validate({**settings, "geometry": {"size": 224, "patch": 16}})
        spec, scratch = task_spec(job, masked=False), Scratch(str(out), work)
        pack((999, str(tars[0])), scratch, spec)  # loads tokenizer and libraries
        rates[name] = []
        for _ in range(RUNS):
            began, totals = time.process_time(), {"images": 0, "pad": 0, "tokens": 0}
            for number, path in enumerate(tars):
                receipt = pack((number, str(path)), scratch, spec)
                totals["images"] += receipt["images"]
                totals["pad"] += receipt["counts"]["pad"]
                totals["tokens"] += receipt["tokens"]
            rates[name].append(totals["images"] / (time.process_time() - began))
            found[f"{name}_padding"] = round(totals["pad"] / totals["tokens"], 4)
            if decode:
                began = time.process_time()
                for picture in pictures:
                    Image.open(io.BytesIO(picture)).convert("RGB")
                rates["pillow_full_decode"].append(len(pictures) / (time.process_time() - began))
    found["images_a_processor_second"] = {name: round(float(np.median(values))) for name, values in rates.items()}
    found["peak_memory_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def geometries() -> list[dict[str, Any]]:
    """Padding, and the packer's own speed, for usual encoders and sequence lengths on 20,000 captions."""
    from dataprep.packing import pack

    draw = np.random.default_rng(1)
    texts = np.clip(draw.lognormal(2.7, 0.7, 20_000), 1, 300).astype(int).tolist()
    found = []
    for tokens, seq_len in ((196, 2048), (256, 2048), (576, 2048), (729, 2048), (729, 3072), (729, 4096), (729, 8192)):
        lengths = [tokens + text + 1 for text in texts]
        began = time.process_time()
        windows = len(list(pack(lengths, seq_len)))
        seconds = time.process_time() - began
        share = 1 - sum(lengths) / (windows * seq_len)
        row = {"image_tokens": tokens, "seq_len": seq_len, "padding": round(share, 4)}
        speed = round(len(lengths) / seconds)
        found.append({**row, "pairs_in_window": round(len(lengths) / windows, 2), "pairs_a_second": speed})
    return found


if __name__ == "__main__":
    main()
