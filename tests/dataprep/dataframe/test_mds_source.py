"""`df.write.format("mds")` with Spark: what comes out is a dataset, whatever happens to the tasks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from pyspark.sql import DataFrame, SparkSession

from dataprep.dataframe.mds_source import MdsDataSource
from dataprep.verify import verify
from schemas.manifest import Manifest
from tests.helpers.commands import command_environment
from tests.helpers.folders import tree

TEXTS = [f"the caption of {n} " + "word " * (n % 7) for n in range(60)]
READ = """
import json, sys
from streaming import StreamingDataset
rows = StreamingDataset(local=sys.argv[1], batch_size=1, shuffle=False)
print(json.dumps([row["tokens"].tolist() for row in rows]))
"""
FLAKY = """
import os, signal, sys
from pyspark import TaskContext
from pyspark.sql import SparkSession
from dataprep.dataframe.mds_source import MdsDataSource, MdsWriter


class FlakyWriter(MdsWriter):
    def write(self, iterator):
        receipt = MdsWriter.write(self, iterator)
        task = TaskContext.get()
        with open(out + ".attempts", "a") as file:
            file.write(f"{task.partitionId()} {task.attemptNumber()}\\n")
        if task.attemptNumber() == 0 and task.partitionId() == 1:
            raise RuntimeError("lost, with all its files published")
        if task.attemptNumber() == 0 and task.partitionId() == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return receipt


class Flaky(MdsDataSource):
    def writer(self, schema, overwrite):
        made = MdsDataSource.writer(self, schema, overwrite)
        return FlakyWriter(made.target, made.overwrite)


out, tokenizer, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
spark = SparkSession.builder.master("local-cluster[2,1,1024]").config("spark.ui.enabled", False).getOrCreate()
spark.dataSource.register(Flaky)
words = "concat('the caption of ', id, ' ', repeat('word ', cast(id % 7 as int))) as text"
df = spark.range(count).selectExpr("id", words).repartitionByRange(4, "id").sortWithinPartitions("id")
options = {"key": "id", "tokenizer": tokenizer, "seq_len": 16, "shard_bytes": 1024}
df.write.format("mds").options(**options).mode("append").save(out)
spark.stop()
"""


def documents(out: Path) -> list[list[int]]:
    """The documents of a dataset as stock Streaming reads it, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", READ, str(out)], env=command_environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    identity, found = Manifest.load(out).tokenizer, list[list[int]]([[]])
    for sample in json.loads(done.stdout):
        assert len(sample) == 16
        for one in sample:
            if one == identity.end_of_text_id:
                found.append([])
            elif one != identity.pad_id:
                found[-1].append(one)
    assert found.pop() == []
    return found


def expected(tokenizer_dir: Path) -> list[list[int]]:
    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json"))
    return [one.ids for one in tokenizer.encode_batch(TEXTS, add_special_tokens=False)]


def rows_of(spark: SparkSession) -> DataFrame:
    spark.dataSource.register(MdsDataSource)
    rows = [*[(n, text) for n, text in enumerate(TEXTS)][::-1], (100, None), (101, "")]
    return spark.createDataFrame(rows, "id int, text string").repartition(3)


def write(df: DataFrame, out: Path, tokenizer_dir: Path, mode: str = "append") -> None:
    options: dict[str, Any] = {"key": "id", "tokenizer": str(tokenizer_dir), "seq_len": 16, "shard_bytes": 1024}
    df.write.format("mds").options(**options, compression="zstd", licences="CC0-1.0, MIT").mode(mode).save(str(out))


def test_texts_become_a_dataset_in_the_order_of_their_keys(
    spark: SparkSession, tokenizer_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    write(rows_of(spark).orderBy("id"), out, tokenizer_dir)
    manifest, problems = verify(str(out))
    assert problems == []
    assert (manifest.rows.read, manifest.rows.written) == (62, 60)
    assert manifest.rows.rejected == {"empty_text": 1, "missing_document": 1}
    assert manifest.licences == ["CC0-1.0", "MIT"]
    assert manifest.tokens.text == sum(map(len, expected(tokenizer_dir))) + 60
    listed = [json.loads(line) for path in (out / "rejects").iterdir() for line in path.read_text().splitlines()]
    assert sorted((one["row"], one["reason"]) for one in listed) == [("100", "missing_document"), ("101", "empty_text")]
    names = {shard.name for shard in manifest.shards} | {
        "checksums.txt",
        "index.json",
        "manifest.json",
        ".switchpoint/plan.json",
    }
    assert {name for name in tree(out) if not name.startswith("rejects/")} == names
    assert documents(out) == expected(tokenizer_dir)


@pytest.mark.soak
def test_modes_and_an_order_that_is_none(spark: SparkSession, tokenizer_dir: Path, tmp_path: Path) -> None:
    df, out = rows_of(spark), tmp_path / "out"
    with pytest.raises(Exception, match=r"key: id \d+ comes after \d+; sort it first: df\.orderBy\('id'\)"):
        write(df, out, tokenizer_dir)
    assert tree(out) == {}
    with pytest.raises(Exception, match="ErrorIfExists"):
        write(df.orderBy("id"), out, tokenizer_dir, "error")
    for _ in range(2):
        write(df.orderBy("id"), out, tokenizer_dir, "overwrite")
    with pytest.raises(Exception, match="there is a dataset, and its samples are numbered"):
        write(df.orderBy("id"), out, tokenizer_dir)
    manifest, problems = verify(str(out))
    assert (manifest.rows.written, problems) == (60, [])


@pytest.mark.soak
def test_attempts_that_fail_after_they_have_published_leave_no_double(tokenizer_dir: Path, tmp_path: Path) -> None:
    """On executors of their own: one attempt raises, one worker is killed, both with all their files in place."""
    out = tmp_path / "out"
    command = [sys.executable, "-c", FLAKY, str(out), str(tokenizer_dir), str(len(TEXTS))]
    done = subprocess.run(command, env=command_environment(), capture_output=True, text=True, timeout=600, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    attempts = Path(f"{out}.attempts").read_text().splitlines()
    assert {"1 0", "1 1", "2 0"} <= set(attempts)
    assert len(attempts) >= 6
    manifest, problems = verify(str(out))
    assert problems == []
    assert len({shard.name.split(".")[1][:2] for shard in manifest.shards}) == 4, "partitions"
    names = {shard.name for shard in manifest.shards} | {
        "checksums.txt",
        "index.json",
        "manifest.json",
        ".switchpoint/plan.json",
    }
    assert set(tree(out)) == names
    assert documents(out) == expected(tokenizer_dir)
