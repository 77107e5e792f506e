"""Measures what an input costs where inputs are small: `python benchmarks/many_files.py TOKENIZER [--files 4000]`.

Runs the text job on `local[2]` over files of 100 documents of 60 words, alone (`plain`) and with near-duplicates
(`near`), and over 16 files of as many documents, which is what the documents themselves cost.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from pathlib import Path

import numpy as np
from pyspark.sql import SparkSession

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
    return {"seconds": round(took, 1), "parts": laps, "digest": made.hexdigest()[:16]}


def main() -> None:
    """Measure, and print a line of JSON for each run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizer", help="folder with a tokenizer.json")
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--kinds", nargs="+", default=["plain", "near"], choices=["plain", "near"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        spark = session("many files", {"spark.master": "local[2]"})
        for files in (options.files, 16):
            inputs = Path(work, f"in-{files}")
            write_inputs(inputs, files, DOCUMENTS * options.files // files)
            for kind in options.kinds:
                out = Path(work, f"out-{files}-{kind}")
                found = measure(spark, inputs, out, options.tokenizer, near=kind == "near")
                print(json.dumps({"files": files, "kind": kind, **found}), flush=True)
        spark.stop()


if __name__ == "__main__":
    main()
