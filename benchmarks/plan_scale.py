"""Measures what the text job's driver does for very many inputs, without Spark: `python benchmarks/plan_scale.py`.

The inputs are made up, as large as DCLM-baseline's. Prints a line of JSON for each step, with the peak of the process's
memory so far, and one with the sums.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time

import orjson

from dataprep.engine.plan import Plan, begin
from dataprep.engine.tasks import Receipt, shared
from dataprep.provenance import token_parts
from dataprep.storage import files
from dataprep.text import inputs
from dataprep.text.length_bins import EDGES
from dataprep.text.token_stream import TokenStream, Windows, shard_bounds
from schemas.manifest import InputFile

SEQ_LEN, SHARD_BYTES, CORES = 2048, 64 << 20, 400
DOCUMENTS, TOKENS, BYTES = 108_000, 143_000_000, 215_000_000
"""Of an input of DCLM-baseline: 27,838 files, 3 B documents, 4 T tokens, 6 TB."""


def receipt() -> Receipt:
    """Makes up what a task of the tokenize stage reports, as the driver gets it."""
    one = {"documents": DOCUMENTS, "tokens": TOKENS}
    kept = [[".switchpoint/tokens/train.000000.bin", 2 * TOKENS, "0" * 16]]
    counts = {"rows": DOCUMENTS, "tokens": TOKENS, "characters": 600_000_000, "lengths": [1] * len(EDGES)}
    found = {**counts, "rejected": {"invalid_json": 1}, "warning": None, "splits": {"train": one}}
    copied: Receipt = orjson.loads(files.to_json({**found, "intermediates": kept}))
    return copied


def main() -> None:
    """Measure, and print a line of JSON for each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    count, began = parser.parse_args().inputs, time.monotonic()

    def step(name: str, **more: int) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        seconds = round(time.monotonic() - began, 1)
        print(json.dumps({"step": name, "seconds": seconds, "peak_mib": peak, **more}), flush=True)

    step("start")
    folder = "s3://bucket/dclm-baseline/global-shard_01_of_10/local-shard_0_of_10"
    listed = [InputFile(path=f"{folder}/{n:08}.jsonl.zst", bytes=BYTES, digest="0" * 32) for n in range(count)]
    plan = Plan(kind="text", inputs=listed, config={"seq_len": SEQ_LEN}, output_version=1, packages={})
    with tempfile.TemporaryDirectory() as out:
        assert [begin(out, plan), begin(out, plan)] == ["new", "resumed"]
        step("plan", bytes=sum(one.bytes for one in listed))
        step("tasks", spark_tasks=len(shared(inputs.tasks(listed), 4 * CORES)))
        receipts = [receipt() for _ in listed]
        step("receipts")
        stream = TokenStream(tuple(one.path for one in listed), (TOKENS,) * count, "uint16")
        windows = Windows(stream, SEQ_LEN, 1, 7)
        bounds = shard_bounds(windows.count, SHARD_BYTES // (2 * SEQ_LEN))
        step("shards", samples=windows.count, shards=len(bounds) - 1)
        index = token_parts.index("train", SEQ_LEN, 7, [one.path for one in listed], receipts)
        step("index", bytes=len(index))


if __name__ == "__main__":
    main()
