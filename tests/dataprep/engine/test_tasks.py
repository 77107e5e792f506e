from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from pyspark import cloudpickle
from pyspark.sql import SparkSession

from common import atomic_files
from common.errors import InputError
from dataprep.engine import tasks
from dataprep.engine.paths import STAGING
from dataprep.engine.progress import Progress
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Task, run_tasks
from dataprep.storage import files, fingerprint

# pytest imports this module under a name that executors do not know: send the functions themselves.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def square(payload: int, scratch: Scratch) -> dict[str, Any]:
    done = scratch.publish_bytes(str(payload**2).encode(), f"squares/{payload}.txt")
    assert scratch.directory.is_dir()
    return {"name": done.name, "rows": 1, "tokens": payload}


def refuse(payload: int, scratch: Scratch) -> dict[str, Any]:
    if payload == 3:
        raise InputError("not a square", file="in.txt", line=7, field="x", remedy="use another number")
    return square(payload, scratch)


def crash(payload: int, scratch: Scratch) -> dict[str, Any]:
    raise ZeroDivisionError(f"bug in {payload}")


def stage(names: int) -> list[Task]:
    return [Task(f"n{number}", number) for number in range(names)]


def test_receipts_come_in_task_order_and_files_are_at_their_names(spark: SparkSession, tmp_path: Path) -> None:
    log = io.StringIO()
    out = str(tmp_path / "out")
    receipts = run_tasks(spark, stage(5), square, out=out, stage="squares", progress=Progress(0.0, log))
    assert [one["name"] for one in receipts] == [f"squares/{n}.txt" for n in range(5)]
    assert [(tmp_path / "out" / one["name"]).read_text() for one in receipts] == ["0", "1", "4", "9", "16"]
    last = log.getvalue().splitlines()[-1]
    assert last.startswith("squares: 5/5 tasks, 5 rows, 10 tokens")


def test_only_tasks_without_receipt_run_again(spark: SparkSession, tmp_path: Path) -> None:
    out = str(tmp_path)
    first = run_tasks(spark, stage(3), square, out=out, stage="s")
    (tmp_path / "squares/1.txt").unlink()
    (tmp_path / "squares/2.txt").unlink()
    (tmp_path / STAGING / "s" / "n2.json").unlink()
    assert run_tasks(spark, stage(3), square, out=out, stage="s") == first
    assert not (tmp_path / "squares/1.txt").exists(), "its receipt vouched for it"
    assert (tmp_path / "squares/2.txt").read_text() == "4"
    assert tasks.receipts_of(out, "s").keys() == {"n0", "n1", "n2"}


def test_a_users_mistake_comes_out_as_one_line(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        run_tasks(spark, stage(5), refuse, out=str(tmp_path), stage="s")
    assert str(caught.value) == "in.txt:7: x: not a square; use another number"


def test_small_inputs_share_a_spark_task_in_order() -> None:
    small = [Task(f"n{number}", number, 1000) for number in range(1000)]
    groups = tasks.shared(small, 8)
    assert [task for group in groups for task in group] == small
    assert 16 <= len(groups) <= 24
    assert max(map(len, groups)) <= tasks.SHARED_TASKS


@pytest.mark.parametrize("length", [None, 20 << 20])
def test_large_inputs_and_work_of_unknown_size_have_spark_tasks_of_their_own(length: int | None) -> None:
    large = [Task(f"n{number}", number, length) for number in range(16)]
    assert tasks.shared(large, 8) == [[task] for task in large]


def test_a_few_small_inputs_keep_every_core_busy() -> None:
    few = [Task(f"n{number}", number, 1000) for number in range(12)]
    assert len(tasks.shared(few, 8)) >= 8
    mixed = [Task("a", 0, 10), Task("b", 1), Task("c", 2, 10), Task("d", 3, 10)]
    assert [[task.name for task in group] for group in tasks.shared(mixed, 1)] == [["a"], ["b"], ["c", "d"]]


def test_tasks_that_share_a_spark_task_keep_their_own_receipts(spark: SparkSession, tmp_path: Path) -> None:
    out = str(tmp_path)
    shared = [Task(f"n{number}", number, 100) for number in range(40)]
    assert len(tasks.shared(shared, 8)) < 40
    first = run_tasks(spark, shared, square, out=out, stage="s")
    assert tasks.receipts_of(out, "s").keys() == {task.name for task in shared}
    (tmp_path / STAGING / "s" / "n7.json").unlink()
    assert run_tasks(spark, shared, square, out=out, stage="s") == first
    with pytest.raises(InputError, match=r"in\.txt:7: x: not a square; use another number"):
        run_tasks(spark, shared, refuse, out=out, stage="t")


@pytest.mark.parametrize("damage", [b"", b"\0" * 40, b"[]"])
def test_a_receipt_that_a_power_cut_damaged_is_none(spark: SparkSession, tmp_path: Path, damage: bytes) -> None:
    out = str(tmp_path)
    first = run_tasks(spark, stage(2), square, out=out, stage="s")
    (tmp_path / STAGING / "s" / "n1.json").write_bytes(damage)
    (tmp_path / "squares/1.txt").unlink()
    assert run_tasks(spark, stage(2), square, out=out, stage="s") == first
    assert (tmp_path / "squares/1.txt").read_text() == "1"


def test_files_are_on_disk_before_the_receipts_that_vouch_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    real = atomic_files.rename

    def rename(partial: Path, path: Path, *, durable: bool = True) -> None:
        happened.append(f"{path.name} {durable}")
        real(partial, path, durable=durable)

    monkeypatch.setattr(atomic_files, "rename", rename)
    monkeypatch.setattr(atomic_files, "flush", lambda path: happened.append(f"{path.name} on disk"))
    attempts = tasks._Attempts(square, str(tmp_path), "s")
    attempts.vouch_for([attempts.work_on(task) for task in stage(3)])
    assert happened[:3] == ["0.txt False", "1.txt False", "2.txt False"]
    assert sorted(happened[3:6]) == ["0.txt on disk", "1.txt on disk", "2.txt on disk"]
    assert happened[6:] == ["n0.json False", "n1.json False", "n2.json False"]


def test_a_bug_keeps_its_traceback(spark: SparkSession, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="ZeroDivisionError: bug in 0"):
        run_tasks(spark, stage(1), crash, out=str(tmp_path), stage="s")
    assert files.list_files(str(tmp_path)) == []


@pytest.mark.parametrize("names", [["a", "a"], ["a/b"], [""], [".hidden"]])
def test_task_names_must_be_unique_file_names(spark: SparkSession, tmp_path: Path, names: list[str]) -> None:
    with pytest.raises(ValueError, match="task names"):
        run_tasks(spark, [Task(name, 0) for name in names], square, out=str(tmp_path), stage="s")


def keep(payload: int, scratch: Scratch) -> dict[str, Any]:
    local = scratch.path("kept")
    local.write_bytes(b"x" * payload)
    scratch.publish_intermediate(local, f"{STAGING}/kept/{payload}", fingerprint.digest(str(local)))
    return {}


@pytest.mark.parametrize("damage", [b"", b"xx", b"xxxy", b"xxxxx", None])
def test_an_intermediate_file_that_a_power_cut_damaged_is_made_again(
    spark: SparkSession, tmp_path: Path, damage: bytes | None
) -> None:
    out, two = str(tmp_path), [Task(f"n{number}", number) for number in (3, 4)]
    first = run_tasks(spark, two, keep, out=out, stage="s")
    three, four = (tmp_path / STAGING / "kept" / name for name in ("3", "4"))
    before = three.stat().st_mtime_ns
    four.unlink() if damage is None else four.write_bytes(damage)
    assert run_tasks(spark, two, keep, out=out, stage="s") == first
    assert four.read_bytes() == b"xxxx"
    assert three.stat().st_mtime_ns == before, "it was as it should be"
