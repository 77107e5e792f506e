"""From receipts to a dataset: only counted attempts are in it, and what others have left goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from common.errors import InputError
from curriculum.__main__ import main as curriculum
from dataprep.dataframe import finish
from dataprep.dataframe.options import Target
from dataprep.dataframe.partition import Written, write
from dataprep.verify import verify
from tests.dataprep.dataframe.conftest import Make
from tests.helpers.folders import tree


def part(target: Target, number: int, keys: range, attempt: str = "0a", text: str = "the caption ") -> Written:
    rows = [pa.array(list(keys)), pa.array([text * (1 + key % 5) for key in keys])]
    return write(iter([pa.record_batch(rows, names=["id", "document"])]), target, number, attempt)


def names(out: Path) -> set[str]:
    return {name for name in tree(out) if not name.startswith(".switchpoint/plan")}


def test_an_attempt_that_is_not_counted_is_swept(make: Make, tmp_path: Path) -> None:
    """Both attempts of a partition have published all they have; Spark counts one, of rows that even differ."""
    target, out = make(shard_bytes=1024), tmp_path / "out"
    finish.claim(target, overwrite=False)
    counted = [part(target, 0, range(40)), part(target, 1, range(0)), part(target, 2, range(50, 90), "0b")]
    part(target, 2, range(50, 90), "0c", "other words ")
    part(target, 0, range(40), "0d")
    assert len(tree(out)) > sum(len(one.shards) for one in counted)
    finish.commit(target, counted, overwrite=False)
    manifest, problems = verify(str(out))
    assert problems == []
    assert names(out) == {"checksums.txt", "index.json", "manifest.json", *(shard.name for shard in manifest.shards)}
    assert manifest.rows.written == 80
    finish.abort(target)  # a driver that fails behind the commit
    assert verify(str(out)) == (manifest, [])
    (tmp_path / "curriculum.yaml").write_text(
        f"seed: 1\nglobal_batch: 2\ntrunk: 4 steps\nsources:\n  mine: {{path: {out}, exhausted: repeat}}\n"
        "learning_rate: {peak: 1e-3, warmup: 1 steps, shape: constant, over: 100%}\n"
        "phases:\n  - name: one\n    until: 100%\n    mix: {mine: 1}\n"
    )
    schedule = tmp_path / "schedule.json"
    assert curriculum(["compile", str(tmp_path / "curriculum.yaml"), "-o", str(schedule)]) == 0
    assert json.loads(schedule.read_text())


def test_overwriting_keeps_the_old_dataset_until_the_new_one_is_there(make: Make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = make(run="aa")
    finish.commit(first, [part(first, 0, range(9))], overwrite=False)
    before = verify(str(out))
    with pytest.raises(InputError, match=r"there is a dataset, and its samples are numbered: .*; use another path and"):
        finish.claim(make(run="bb"), overwrite=False)
    failed = make(run="cc")
    finish.claim(failed, overwrite=True)
    part(failed, 0, range(5))
    finish.abort(failed)
    assert verify(str(out)) == before
    second = make(run="dd")
    finish.claim(second, overwrite=True)
    receipt = part(second, 0, range(5))
    assert verify(str(out)) == before
    finish.commit(second, [receipt], overwrite=True)
    manifest, problems = verify(str(out))
    assert (manifest.rows.written, problems) == (5, [])
    assert names(out) == {"checksums.txt", "index.json", "manifest.json", *(shard.name for shard in manifest.shards)}


def test_what_a_killed_write_has_left_is_overwritten_and_anything_else_is_not(make: Make, tmp_path: Path) -> None:
    killed, out = make("ids", run="ee"), tmp_path / "out"
    rows = [pa.array([1, 2]), pa.array([[5], None], pa.list_(pa.int64()))]
    write(iter([pa.record_batch(rows, names=["id", "document"])]), killed, 0, "0a")
    assert len(tree(out)) == 2
    with pytest.raises(InputError, match="the directory is not empty and holds no dataset; use another path"):
        finish.claim(make(run="ff"), overwrite=False)
    target = make(run="ff")
    finish.claim(target, overwrite=True)
    finish.commit(target, [part(target, 0, range(3))], overwrite=True)
    assert not [name for name in tree(out) if ".ee-" in name]
    (tmp_path / "out" / "manifest.json").unlink()
    finish.claim(make(run="f0"), overwrite=True)
    for foreign in ("thesis.tex", "shard.00000.mds", ".switchpoint/tokenize/000000.json"):
        (out / foreign).parent.mkdir(exist_ok=True)
        (out / foreign).write_text("x")
        with pytest.raises(InputError, match="not empty and holds no dataset"):
            finish.claim(make(run="f0"), overwrite=True)
        (out / foreign).unlink()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ((range(5, 9), range(3)), r"id 0 comes after 8; sort it first: df\.orderBy"),
        ((range(5), range(4, 6)), "id 4 comes twice"),
        ((range(0), range(0)), "nothing was written: the inputs hold no documents"),
    ],
)
def test_partitions_follow_one_another(make: Make, tmp_path: Path, keys: Any, said: str) -> None:
    target = make()
    receipts = [part(target, number, one) for number, one in enumerate(keys)]
    with pytest.raises(InputError, match=said):
        finish.commit(target, receipts, overwrite=False)
    finish.abort(target)
    assert not tree(tmp_path / "out")


def test_executors_that_wrote_to_another_disk_are_told(make: Make, tmp_path: Path) -> None:
    target = make()
    receipt = part(target, 0, range(5))
    next((tmp_path / "out").glob("shard.*")).unlink()
    with pytest.raises(InputError, match="the executors wrote to a disk that the driver does not see"):
        finish.commit(target, [receipt], overwrite=False)
