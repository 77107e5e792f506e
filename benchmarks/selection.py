"""Measures the cost of choosing documents: the survey of the text job, rule by rule, in CPU seconds of one core.

    python benchmarks/selection.py [--megabytes 32] [--datasketch-python PYTHON] [--report FILE.md]

The survey runs on one file of the text benchmark's corpus, in one warm process without Spark (Spark's part is the
shuffle of what the survey writes; its bytes a document are given). The peer is datasketch 2.0, a document at a time
with the same word 5-grams and 112 functions, where an interpreter that has it is named.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
import zstandard

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import text_corpus  # noqa: E402 (the path comes first)

from dataprep.engine.task_workspace import Scratch  # noqa: E402
from dataprep.text.config import TextJob  # noqa: E402
from dataprep.text.inputs import Input  # noqa: E402
from dataprep.text.selection import evaluation_sets, survey  # noqa: E402

RUNS = 3
PEER = """
import json, sys, time
from datasketch import MinHash
texts = json.load(open(sys.argv[1]))
began = time.process_time()
for text in texts:
    words = text.lower().split()
    sketch = MinHash(num_perm=112)
    sketch.update_batch([" ".join(words[at : at + 5]).encode() for at in range(max(1, len(words) - 4))])
print(time.process_time() - began)
"""


def main() -> None:
    """Makes the corpus, measures each rule and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=32, help="of text")
    parser.add_argument("--datasketch-python", help="an interpreter that has datasketch")
    parser.add_argument("--report", type=Path, help="write the table here too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        table = measure(Path(name), options.megabytes << 20, options.datasketch_python)
    print(table)
    if options.report:
        options.report.write_text(table)


def measure(folder: Path, size: int, datasketch: str | None) -> str:
    """Returns the table as Markdown."""
    path = text_corpus.make(folder / "corpus", size, file_bytes=size)[0]
    stored = zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())
    texts = [orjson.loads(line)["text"] for line in stored.splitlines()]
    words = sum(len(text.split()) for text in texts)
    questions = [{"q": " ".join(text.split()[5:40]) + " never in the text"} for text in texts[:2000]]
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, questions)))
    sets = [{"name": "q", "files": str(folder / "q.jsonl"), "fields": "q"}]
    rules: dict[str, dict[str, Any]] = {
        "deduplicate": {"deduplicate": True},
        "near_duplicates": {"near_duplicates": True},
        "decontaminate": {"decontaminate": {"sets": sets}},
        "all three": {"deduplicate": True, "near_duplicates": True, "decontaminate": {"sets": sets}},
    }
    lines = [
        "| rule | processor s | documents/s/core | M words/s/core | survey bytes a document |",
        "|---|---|---|---|---|",
    ]

    def add(name: str, seconds: float, part: str) -> None:
        rates = f"{len(texts) / seconds:,.0f} | {words / seconds / 1e6:.2f}"
        lines.append(f"| {name} | {seconds:.2f} | {rates} | {part} |")

    for name, rule in rules.items():
        job = TextJob.model_validate({"inputs": str(path), "out": str(folder / "out"), "tokenizer": "none", **rule})
        search = evaluation_sets.publish(job.decontaminate, job.out) if job.decontaminate else None
        seconds = []
        for _ in range(RUNS + 1):  # the first is for tables and caches
            began = time.process_time()
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                survey.survey(Input(0, str(path)), Scratch(job.out, Path(scratch)), job=job, search=search)
            seconds.append(time.process_time() - began)
        part = (folder / "out" / survey.part_file(0)).stat().st_size / len(texts)
        add(name, statistics.median(seconds[1:]), f"{part:.0f}")
    if datasketch:
        some = texts[: len(texts) // 8]
        (folder / "texts.json").write_text(json.dumps(some))
        found = [
            float(
                subprocess.run([datasketch, "-c", PEER, folder / "texts.json"], capture_output=True, check=True).stdout
            )
            for _ in range(RUNS)
        ]
        add("datasketch 2.0, signatures only", statistics.median(found) * len(texts) / len(some), "")
    lines += ["", f"{len(texts):,} documents, {words:,} words, {size >> 20} MiB of text; medians of {RUNS} runs."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
