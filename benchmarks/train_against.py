"""Measures a training step of this checkout beside one of another checkout, in one run: not slower than before?

    git worktree add ../before COMMIT
    python benchmarks/train_against.py ../before                # CPU; five minutes

Each side is a process of its own that imports the model and `benchmarks/train.py` of its checkout and makes the steps
of that file on its cached batch. They take turns: one step here, one there (which side begins changes from turn to
turn), and the other one waits meanwhile, so what else runs on the machine slows both alike. A row is a case: medians
of both, their ratio, that of the processors' seconds (which hardly know what else runs; on a GPU they say nothing), and
the middle half of the latter's turns.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

CASES = ("ours", "ours, packs leak", "ours, images")
WARM = 2
"""First steps of each side that are left out."""


class Side:
    """A process that makes steps with the code of one checkout, when it is asked to."""

    def __init__(self, checkout: Path, settings: dict[str, object]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(checkout), "--serve", json.dumps(settings)],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, case: str) -> tuple[float, float]:
        """Makes one step of `case`; returns how long it took, and how much of a processor."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(case + "\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        if not said:
            raise SystemExit(f"error: a side ended with status {self._process.wait()}")
        wall, processor = said.split()
        return float(wall), float(processor)

    def close(self) -> None:
        """Ends the process of this side."""
        self._process.kill()
        self._process.wait()


def serve(checkout: Path, settings: dict[str, object]) -> None:
    """Makes a step of each case that a line of the standard input names, and prints its seconds."""
    sys.path[0] = str(checkout)  # in place of this file's folder
    from benchmarks import train

    assert Path(train.__file__).is_relative_to(checkout)
    train.torch.set_num_threads(1)
    setting = train.Setting(argparse.Namespace(**settings))
    steps = {case: train.prepared(setting, case) for case in CASES}
    for line in sys.stdin:
        began, worked = time.perf_counter(), time.process_time()
        steps[line.strip()]()
        if setting.device == "cuda":
            train.torch.cuda.synchronize()
        print(time.perf_counter() - began, time.process_time() - worked, flush=True)


def measure(sides: list[Side], turns: int) -> dict[str, list[dict[int, tuple[float, float]]]]:
    """Seconds of here (0) and there (1) in each turn of each case."""
    found: dict[str, list[dict[int, tuple[float, float]]]] = {case: [] for case in CASES}
    for turn in range(turns + WARM):
        for case in CASES:
            order = (0, 1) if turn % 2 else (1, 0)
            took = {number: sides[number].seconds(case) for number in order}
            if turn >= WARM:
                found[case].append(took)
    return found


def main() -> int:
    """Measures both sides in turns and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path, help="another checkout of this repository")
    parser.add_argument("--turns", type=int, default=40, help="steps of each case and side (default: 40)")
    parser.add_argument("--length", type=int, default=512, help="tokens of a row (default: 512)")
    parser.add_argument("--rows", type=int, default=4, help="rows of a step (default: 4)")
    parser.add_argument("--serve", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args()
    there = args.checkout.resolve()
    if args.serve is not None:
        serve(there, args.serve)
        return 0
    here = Path(__file__).resolve().parent.parent
    settings = {"size": "small", "length": args.length, "rows": args.rows, "images": 0.25, "compile": False, "steps": 1}
    sides = [Side(here, settings), Side(there, settings)]
    try:
        found = measure(sides, args.turns)
    finally:
        for side in sides:
            side.close()
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "mosaicml"))
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {packages}, {os.cpu_count()} cores,")
    print(f"load average {os.getloadavg()[0]:.0f}; {args.rows} x {args.length} tokens, {args.turns} turns\n")
    print("| case | s a step here | there | here / there | by processor | middle half |\n|---|---|---|---|---|---|")
    for case, turns in found.items():
        wall = [statistics.median(turn[side][0] for turn in turns) for side in (0, 1)]
        worked = [statistics.median(turn[side][1] for turn in turns) for side in (0, 1)]
        low, _, high = statistics.quantiles([turn[0][1] / turn[1][1] for turn in turns], n=4)
        ratios = f"{wall[0] / wall[1]:.3f} | {worked[0] / worked[1]:.3f} | {low:.3f} to {high:.3f}"
        print(f"| {case} | {wall[0]:.4f} | {wall[1]:.4f} | {ratios} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
