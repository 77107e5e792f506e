"""Compares text preparation from a hub on loopback with the same job from local disk, in turns in one run.

    python benchmarks/hub.py --tokenizer DIR [--gigabytes 0.3] [--runs 5] [--cores 2] [--folder DIR]

The hub is the one of the tests: files in memory, served in ranges over HTTP without TLS, by this process, on the same
cores. So a job from the hub shares the machine with its server, whose CPU seconds stand beside the job's own. The order
within a pair changes from run to run; medians are compared, of the whole job and of its stage `tokenize`, which reads.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import text_corpus  # noqa: E402
from text import Result, ours  # noqa: E402

from tests.helpers.dataset_hub import DatasetHub, loopback_datasets  # noqa: E402

COMMIT = "c" * 40
NAMES = ("pyspark", "requests", "urllib3", "huggingface_hub", "zstandard", "gigatoken")


def measured(name: str, inputs: list[str], out: Path, tokenizer: str, cores: int) -> tuple[Result, float]:
    """One job, and the CPU seconds of this process meanwhile: of the hub, and of looking at the job."""
    began = time.process_time()
    result = ours(name, inputs, out, tokenizer, cores)
    return result, time.process_time() - began


def row(name: str, found: list[tuple[Result, float]]) -> str:
    """A line of the table."""
    seconds = [one.seconds for one, _ in found]
    stage = [one.parts["tokenize"] for one, _ in found]
    cells = [
        name,
        f"{statistics.median(seconds):.1f} ({min(seconds):.1f} to {max(seconds):.1f})",
        f"{statistics.median(stage):.2f} ({min(stage):.2f} to {max(stage):.2f})",
        f"{statistics.median(one.cpu for one, _ in found):.1f}",
        f"{statistics.median(one.parts['CPU of workers'] for one, _ in found):.1f}",
        f"{statistics.median(cpu for _, cpu in found):.1f}",
        f"{max(one.peak_bytes for one, _ in found) / 2**20:.0f} MiB",
    ]
    return f"| {' | '.join(cells)} |"


def report(local: list[tuple[Result, float]], remote: list[tuple[Result, float]], size: int, files: int) -> str:
    """The table, and the ratios."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    whole = [statistics.median(one.seconds for one, _ in each) for each in (local, remote)]
    stage = [statistics.median(one.parts["tokenize"] for one, _ in each) for each in (local, remote)]
    cpu = [statistics.median(one.cpu for one, _ in each) for each in (local, remote)]
    return "\n".join(
        [
            f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, `local[{local[0][0].cores}]`, "
            f"Python {platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in NAMES)}; "
            f"{size / 1e6:,.0f} MB of compressed text in {files} files, {local[0][0].tokens / 1e6:,.0f} M tokens; "
            f"{len(local)} runs each, in turns; load averages {load} at the end.",
            "",
            "| from | s (least to most) | tokenize, s | CPU s | of these workers | CPU s of the server "
            "| peak memory of a Python process |",
            "|---|---|---|---|---|---|---|",
            row("local disk", local),
            row("hub on loopback", remote),
            "",
            f"Rate of the hub against local disk, by medians: {whole[0] / whole[1]:.2f} of the whole job, "
            f"{stage[0] / stage[1]:.2f} of the stage that reads; by CPU seconds of the job {cpu[0] / cpu[1]:.2f}.",
        ]
    )


def serve(hub: DatasetHub, paths: list[Path]) -> None:
    """Put the corpus into the hub."""
    hub.files["o/corpus"] = {COMMIT: {path.name: path.read_bytes() for path in paths}}
    hub.branches["o/corpus", "main"] = COMMIT
    os.environ.update(HF_ENDPOINT=hub.address, HF_HUB_OFFLINE="0")


def main() -> None:
    """Makes the corpus, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True, help="directory with a tokenizer.json (GPT-NeoX for the targets)")
    parser.add_argument("--gigabytes", type=float, default=0.3, help="of text in the corpus")
    parser.add_argument("--runs", type=int, default=5, help="pairs of jobs")
    parser.add_argument("--cores", type=int, default=2, help="of the job; the server has no others")
    parser.add_argument("--folder", type=Path, help="where the corpus is kept and results are written (a new one)")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="switchpoint-benchmark-"))
    paths = text_corpus.make(folder / "corpus", int(options.gigabytes * 1e9))
    found: dict[str, list[tuple[Result, float]]] = {"local": [], "hub": []}
    with loopback_datasets() as hub:
        serve(hub, paths)
        inputs = {"local": [str(path) for path in paths], "hub": ["hf://datasets/o/corpus/*.zst"]}
        for run in range(options.runs):
            for kind in sorted(inputs, reverse=bool(run % 2)):
                found[kind].append(measured(kind, inputs[kind], folder / kind, options.tokenizer, options.cores))
                print(f"run {run + 1}, {kind}: {found[kind][-1][0].seconds:.1f} s", file=sys.stderr, flush=True)
    size = sum(path.stat().st_size for path in paths)
    print(report(found["local"], found["hub"], size, len(paths)))


if __name__ == "__main__":
    main()
