"""Measures what an input costs where inputs are small: `python benchmarks/many_files.py TOKENIZER [--files 4000]`.

Runs the text job on `local[2]` over files of 100 documents of 60 words, alone (`plain`) and with near-duplicates
(`near`), and over 16 files of as many documents, which is what the documents themselves cost. Beside the seconds stand
what the driver's Python held at most, what is left of the JVM's heap after a collection, and the most that its parts
had. `--alone` gives every file a Spark task of its own, as large files have one: the heap grows with these.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from pyspark.sql import SparkSession

from dataprep.engine import tasks
from dataprep.engine.progress import Progress
from dataprep.engine.spark_session import session
from dataprep.text.config import TextJob
from dataprep.text.job import run

DOCUMENTS, WORDS = 100, 60


def write_inputs(folder: Path, files: int, documents: int) -> None:
    """Write seeded files of random words."""
    folder.mkdir(parents=True)
    dice, words = np.random.default_rng(0), np.array([f"w{number}" for number in range(5000)])
    for file in range(files):
        drawn = words[dice.integers(0, len(words), (documents, WORDS))]
        (folder / f"{file:06}.jsonl").write_text("\n".join(json.dumps({"text": " ".join(row)}) for row in drawn))


def measure(spark: SparkSession, inputs: Path, out: Path, tokenizer: str, *, near: bool) -> dict[str, object]:
    """Runs the job once: seconds, of its parts too, and a digest of the shards."""
    more = {"near_duplicates": True} if near else {}
    paths = {"inputs": str(inputs / "*.jsonl"), "out": str(out), "tokenizer": tokenizer}
    progress, began = Progress(every=1e9), time.monotonic()
    run(spark, TextJob.model_validate({**paths, "seq_len": 512, **more}), progress=progress)
    took = time.monotonic() - began
    made = hashlib.sha256()
    for path in sorted(out.rglob("*.mds*")):
        made.update(path.relative_to(out).as_posix().encode() + path.read_bytes())
    laps = {part: round(seconds, 1) for part, seconds in progress.laps.items()}
    return {"seconds": round(took, 1), "parts": laps, "digest": made.hexdigest()[:16], **memory(spark)}


def memory(spark: SparkSession) -> dict[str, int]:
    """MiB of the driver's two processes."""
    jvm: Any = spark.sparkContext._jvm
    management = jvm.java.lang.management.ManagementFactory
    pools = [pool for pool in management.getMemoryPoolMXBeans() if "Heap memory" in pool.getType().toString()]
    peak = sum(pool.getPeakUsage().getUsed() for pool in pools)
    jvm.java.lang.System.gc()
    left = management.getMemoryMXBean().getHeapMemoryUsage().getUsed()
    driver = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return {"python_mib": driver, "heap_left_mib": left >> 20, "heap_peak_mib": peak >> 20}


def main() -> None:
    """Measure, and print a line of JSON for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizer", help="folder with a tokenizer.json")
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--kinds", nargs="+", default=["plain", "near"], choices=["plain", "near"])
    parser.add_argument("--alone", action="store_true", help="a Spark task for each file")
    parser.add_argument("--documents", type=int, default=DOCUMENTS, help="of a file")
    options = parser.parse_args()
    if options.alone:
        tasks.SHARED_TASKS = 1
    with tempfile.TemporaryDirectory() as work:
        spark = session("many files", {"spark.master": "local[2]"})
        for files in (options.files, 16):
            inputs = Path(work, f"in-{files}")
            write_inputs(inputs, files, options.documents * options.files // files)
            for kind in options.kinds:
                out = Path(work, f"out-{files}-{kind}")
                found = measure(spark, inputs, out, options.tokenizer, near=kind == "near")
                print(json.dumps({"files": files, "kind": kind, **found}), flush=True)
        spark.stop()


if __name__ == "__main__":
    main()
