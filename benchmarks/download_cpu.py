"""Measures CPU and memory of one downloaded image: our shard task and img2dataset's own path, in turn in one process.

    python benchmarks/download_cpu.py WORK --images 2000 --runs 3

The same URLs on a loopback server, the same threads, hashes on, no re-encoding. Ours: `dataprep.download.shard`
(address guard, sniffing, inspection, spool, canonical tar, Parquet). img2dataset's: its `Downloader` with its
webdataset writer. CPU seconds of this process, so that other work on the machine matters little; the server is a
process of its own. What is imported is measured apart, each in a fresh interpreter. Prints a JSON object with medians.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from download import DISTINCT, ROOT, serving

sys.path.insert(0, str(ROOT))
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
THREADS = 32
OURS = (
    "from common.light_import import import_part; from dataprep.download import fetch_pool, shard; "
    "import_part('img2dataset', 'downloader'); import_part('webdataset', 'writer')"
)


def main() -> None:
    """Runs both paths in turn and prints the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="new directory for what is downloaded")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    options.work.mkdir(parents=True)
    seconds: dict[str, list[float]] = {"ours": [], "img2dataset": []}
    with serving(min(DISTINCT, options.images)) as (port, mean_bytes):
        urls = [f"http://127.0.0.1:{port}/{n % DISTINCT}" for n in range(options.images)]
        ours(options.work / "warm", urls[:50])
        peak = {"before": memory()}
        seconds["ours"].append(ours(options.work / "ours", urls))
        peak["ours"] = memory()
        plain(options.work / "warm-plain", urls[:50])
        seconds["img2dataset"].append(plain(options.work / "plain", urls))
        for run in range(1, options.runs):
            seconds["ours"].append(ours(options.work / f"ours{run}", urls))
            seconds["img2dataset"].append(plain(options.work / f"plain{run}", urls))
    medians = {name: statistics.median(taken) for name, taken in seconds.items()}
    result: dict[str, Any] = {
        "cpu_ms_an_image": {name: round(1000 * taken / options.images, 3) for name, taken in medians.items()},
        "ours_over_img2dataset": round(medians["ours"] / medians["img2dataset"], 3),
        "import_cpu_seconds": {
            "ours": imported(OURS),
            "img2dataset": imported("import img2dataset"),
        },
        "peak_memory_mib": peak,
        "about": {
            "images": options.images,
            "mean_bytes": mean_bytes,
            "threads": THREADS,
            "runs": options.runs,
            "cpus": os.cpu_count(),
            "load": os.getloadavg()[0],
            "python": platform.python_version(),
            "versions": {name: version(name) for name in ("img2dataset", "pillow", "pyarrow")},
        },
    }
    print(json.dumps(result, indent=1))


def memory() -> int:
    """Peak resident memory of this process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def imported(statement: str) -> float:
    """CPU seconds that a fresh interpreter takes for `statement`."""
    script = f"import time; began = time.process_time(); {statement}; print(time.process_time() - began)"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], env=env, check=True, capture_output=True)
    return round(float(done.stdout), 2)


def ours(folder: Path, urls: list[str]) -> float:
    """CPU seconds of one shard task."""
    from dataprep.download import join, shard
    from dataprep.download.config import DownloadJob
    from dataprep.download.extract import SCHEMA
    from dataprep.engine.task_workspace import Scratch

    settings = {"metadata": "unused", "out": str(folder), "threads": THREADS, "host_connections": None}
    job = DownloadJob.model_validate({**settings, "allow_addresses": ["127.0.0.1"]})
    rows = [{"uid": f"{n:032x}", "url": url, "caption": "a photo of a house"} for n, url in enumerate(urls)]
    source = folder / join.shard_file(0)
    source.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), source)
    scratch = folder / "scratch"
    scratch.mkdir()
    began = time.process_time()
    receipt = shard.download((0, 1), Scratch(str(folder), scratch), job, 1)
    took = time.process_time() - began
    check(receipt["written"], urls)
    shutil.rmtree(folder)
    return took


def plain(folder: Path, urls: list[str]) -> float:
    """CPU seconds of img2dataset's downloader with its own writer and resizer."""
    from img2dataset.downloader import Downloader
    from img2dataset.resizer import Resizer
    from img2dataset.writer import WebDatasetSampleWriter

    folder.mkdir(parents=True)
    rows = [{"uid": f"{n:032x}", "url": url, "caption": "a photo of a house"} for n, url in enumerate(urls)]
    table, source = pa.Table.from_pylist(rows), folder / "rows.arrow"
    with pa.ipc.new_file(str(source), table.schema) as out:
        out.write_table(table)
    began = time.process_time()
    Downloader(
        sample_writer_class=WebDatasetSampleWriter,
        resizer=Resizer(256, "no", False, disable_all_reencoding=True),
        thread_count=THREADS,
        save_caption=True,
        extract_exif=False,
        output_folder=str(folder),
        column_list=["uid", "url", "caption"],
        timeout=10,
        number_sample_per_shard=len(urls),
        oom_shard_count=5,
        compute_hash="sha256",
        verify_hash_type=None,
        encode_format="jpg",
        retries=1,
        user_agent_token=None,
        disallowed_header_directives=None,
    ).download_shard((0, str(source)))
    took = time.process_time() - began
    check(json.loads((folder / "00000_stats.json").read_text())["successes"], urls)
    shutil.rmtree(folder)
    return took


def check(images: int, urls: list[str]) -> None:
    """Fails if a program has lost images: it is not fast then."""
    if images != len(urls):
        sys.exit(f"{images} images of {len(urls)}")


if __name__ == "__main__":
    main()
