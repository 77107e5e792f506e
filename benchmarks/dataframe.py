"""Compares `df.write.format("mds")` with Streaming's `dataframe_to_mds`, in turns in one Spark session.

    python benchmarks/dataframe.py WORK --tokenizer DIR [--megabytes 100] [--runs 3] [--cores 2]

One DataFrame of documents, by ids (binary) and as texts, becomes windows of the same ids by both: `dataframe_to_mds`
gets a `udf_iterable` that tokenizes with the `tokenizers` library, closes documents and cuts windows, as its users
write it. Both write shards of 64 MiB without compression, with xxh64. Medians of the seconds are compared.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from tokenizers import Tokenizer

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

SEQ_LEN, SHARD_BYTES, END = 2048, 64 << 20, "<|endoftext|>"
NAMES = ("pyspark", "mosaicml-streaming", "tokenizers", "gigatoken", "pyarrow")


def documents(folder: Path, tokenizer: Tokenizer, megabytes: int) -> tuple[str, int]:
    """Makes a table of documents: number, text, ids as uint16. Returns its path and the number of ids."""
    import text_corpus

    texts = list[str]()
    for path in text_corpus.make(folder / "corpus", megabytes * 1_000_000):
        with zstandard.open(path, "rt") as lines:
            texts += [json.loads(line)["text"] for line in lines]
    ids = [np.array(one.ids, np.uint16) for one in encoded(tokenizer, texts)]
    columns = {"id": range(len(texts)), "text": texts, "ids": [one.tobytes() for one in ids]}
    path = folder / "documents.parquet"
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), path, row_group_size=1000)
    return str(path), sum(map(len, ids)) + len(ids)


def encoded(tokenizer: Tokenizer, texts: list[str]) -> Iterator[Any]:
    """The encodings of `texts`, some at a time."""
    for low in range(0, len(texts), 1000):
        yield from tokenizer.encode_batch_fast(texts[low : low + 1000], add_special_tokens=False)


def windows(frame: Any, column: str, tokenizer: str) -> Iterator[dict[str, Any]]:
    """The samples of a pandas frame, as a user's `udf_iterable` makes them; the rest of its ids is left out."""
    made = loaded(tokenizer)
    if column == "ids":
        rows = [np.frombuffer(one, np.uint16) for one in frame["ids"]]
    else:
        rows = [np.array(one.ids, np.uint16) for one in encoded(made, list(frame["text"]))]
    end = made.token_to_id(END)
    stream = np.concatenate([part for row in rows for part in (row, [end])]).astype(np.uint16)
    for low in range(0, len(stream) - SEQ_LEN + 1, SEQ_LEN):
        yield {"tokens": stream[low : low + SEQ_LEN]}


_LOADED = dict[str, Tokenizer]()


def loaded(tokenizer: str) -> Tokenizer:
    """The tokenizer, loaded once a task (this file travels by value, with an empty cache)."""
    if tokenizer not in _LOADED:
        _LOADED[tokenizer] = Tokenizer.from_file(f"{tokenizer}/tokenizer.json")
    return _LOADED[tokenizer]


def ours(frame: Any, out: str, tokenizer: str) -> None:
    """Writes the DataFrame with this project's data source."""
    options: dict[str, str | int] = {"key": "id", "tokenizer": tokenizer}
    options |= {"seq_len": SEQ_LEN, "shard_bytes": SHARD_BYTES}
    if frame.columns[-1] == "ids":
        options["ids_type"] = "uint16"
    frame.write.format("mds").options(**options).mode("append").save(out)


def theirs(frame: Any, out: str, tokenizer: str) -> None:
    """Writes it with Streaming's converter."""
    from streaming.base.converters import dataframe_to_mds

    settings = {"out": out, "columns": {"tokens": f"ndarray:uint16:{SEQ_LEN}"}, "size_limit": SHARD_BYTES}
    more = {"column": frame.columns[-1], "tokenizer": tokenizer}
    dataframe_to_mds(frame, True, {**settings, "compression": None, "hashes": ["xxh64"]}, windows, more)


def samples(out: str) -> int:
    """Samples of a dataset by its index."""
    return sum(one["samples"] for one in json.loads((Path(out) / "index.json").read_text())["shards"])


def main() -> None:
    """Makes the table, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="new directory")
    parser.add_argument("--tokenizer", required=True, help="directory of a tokenizer.json (GPT-NeoX)")
    parser.add_argument("--megabytes", type=int, default=100, help="of text")
    parser.add_argument("--runs", type=int, default=3, help="of each")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    from dataprep.dataframe.mds_source import MdsDataSource
    from dataprep.engine.spark_session import session

    options.work.mkdir(parents=True)
    path, total = documents(options.work, loaded(options.tokenizer), options.megabytes)
    batches = {"spark.sql.execution.arrow.maxRecordsPerBatch": "10000"}  # Spark's own default
    spark = session("dataframe", {"spark.master": f"local[{options.cores}]", **batches})
    _LOADED.clear()
    spark.dataSource.register(MdsDataSource)
    writers: dict[str, Callable[[Any, str, str], None]] = {"ours": ours, "theirs": theirs}
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, `local[{options.cores}]`, Python "
        f"{platform.python_version()}, {', '.join(f'{name} {version(name)}' for name in NAMES)}; {total / 1e6:.1f} M "
        f"ids; {options.runs} runs each after one that is not counted, in turns.\n"
    )
    print("| column | ours, s | `dataframe_to_mds`, s | ratio of medians | samples of each |\n|---|---|---|---|---|")
    for column in ("ids", "text"):
        frame = spark.read.parquet(path).select("id", column).repartitionByRange(2 * options.cores, "id")
        frame = frame.sortWithinPartitions("id")
        found: dict[str, list[float]] = {"ours": [], "theirs": []}
        counts = dict[str, int]()
        for run, name in itertools.product(range(-1, options.runs), sorted(writers)):
            name = name if run % 2 else {"ours": "theirs", "theirs": "ours"}[name]
            out = str(options.work / f"{column}-{name}")
            shutil.rmtree(out, ignore_errors=True)
            began = time.monotonic()
            writers[name](frame, out, options.tokenizer)
            if run >= 0:
                found[name].append(time.monotonic() - began)
            counts[name] = samples(out)
        shown = [f"{statistics.median(one):.2f} ({min(one):.2f} to {max(one):.2f})" for one in found.values()]
        ratio = statistics.median(found["theirs"]) / statistics.median(found["ours"])
        print(f"| {column} | {' | '.join(shown)} | {ratio:.1f} | {counts['ours']:,}, {counts['theirs']:,} |")
    print(f"\nLoad averages {', '.join(f'{one:.1f}' for one in os.getloadavg())} at the end.")
    spark.stop()


if __name__ == "__main__":
    main()
