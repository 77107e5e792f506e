"""Counts the shards that a node opens, with and without lanes: the purpose of `lanes:` in a curriculum.

    python benchmarks/lanes.py

One pass over the largest source is drawn, and every position is given to its node by the loader's own rule
(`train.loader.rank_share.Share`: a step's positions rank after rank). Nothing is read; the figures do not depend on the
machine. The table is Markdown.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.curriculum import schedule  # noqa: E402
from schemas.order.mixing import SHARE_UNIT  # noqa: E402
from schemas.schedule import Schedule  # noqa: E402
from train.loader.rank_share import Share  # noqa: E402

SHARD, SHARDS = 512, 4096
RANKS = 8
"""Ranks of a node, at most."""
CASES = [
    ("one source", [100], 8, 512),
    ("one source", [100], 64, 512),
    ("one source", [100], 512, 4096),
    ("90 % + 10 %", [90, 10], 8, 512),
    ("90 % + 10 %", [90, 10], 64, 512),
    ("90 % + 10 %", [90, 10], 512, 4096),
    ("7/8 + 1/8, slices of 4 samples", [875, 125], 64, 256),
    ("85 % + 10 % + 5 %", [85, 10, 5], 8, 512),
    ("85 % + 10 % + 5 %", [85, 10, 5], 64, 512),
]
"""Name of the mix, its weights, nodes, global batch."""


def opened(run: Schedule, nodes: int) -> list[float]:
    """Computes the part of each source's shards that a node opens, on average over nodes."""
    seen = [np.zeros((nodes, sum(times for _, times in source.shards)), bool) for source in run.sources]
    _check_the_rule(run, nodes)
    for low in range(0, run.total_samples, 1 << 20):
        high = min(low + (1 << 20), run.total_samples)
        ids, samples = run.samples(low, high)
        node = np.arange(low, high) % run.global_batch * nodes // run.global_batch
        for number, table in enumerate(seen):
            mine = ids == number
            table[node[mine], samples[mine] // SHARD] = True
    return [float(table.mean()) for table in seen]


def _check_the_rule(run: Schedule, nodes: int) -> None:
    """Checks that the arithmetic above is the loader's."""
    ranks = min(RANKS, run.global_batch // nodes)
    rows = run.global_batch // (nodes * ranks)
    for rank in range(nodes * ranks):
        share = Share(start=0, stop=run.total_samples, batch_size=rows, rank=rank, ranks=nodes * ranks)
        for step in (0, 1, run.total_samples // run.global_batch - 1):
            first, end = share.batch(step)
            for position in (first, end - 1):
                assert position % run.global_batch * nodes // run.global_batch == rank // ranks


def main() -> None:
    """Prints the table as Markdown."""
    print("| mix | nodes | global batch | shards a node opens | with lanes = nodes | 1 / nodes |")
    print("|---|---|---|---|---|---|")
    for name, weights, nodes, batch in CASES:
        shares = [SHARE_UNIT * weight // sum(weights) for weight in weights]
        total = SHARD * SHARDS * SHARE_UNIT // shares[0] // batch * batch
        sizes = [-(-total * share // SHARE_UNIT // SHARD) * SHARD for share in shares]
        found = []
        for lanes in (1, nodes):
            run = schedule(sizes, shares, total, batch, lanes, SHARD)
            found.append(", ".join(f"{100 * part:.3g} %" for part in opened(run, nodes)))
        print(f"| {name} | {nodes} | {batch:,} | {found[0]} | {found[1]} | {100 / nodes:.3g} % |")


if __name__ == "__main__":
    main()
