"""Rows leave; everything else stays where it was."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tokenizers
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.__main__ import main
from dataprep.engine import commit, journal, lease
from dataprep.mds import read
from dataprep.mds.layout import Layout
from dataprep.pairs.config import PairsJob
from dataprep.pairs.job import run
from dataprep.provenance import row_parts
from dataprep.takedown.remove import remove
from dataprep.takedown.request import Request
from dataprep.verify import verify
from schemas.manifest import Manifest
from tests.dataprep.takedown.conftest import HOSTS, uid_of
from tests.helpers.commands import ROOT
from tests.helpers.folders import tree

DATE = "2026-01-02"


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """All samples, in order."""
    found = []
    for entry in json.loads((folder / "index.json").read_text())["shards"]:
        layout = Layout(dict(zip(entry["column_names"], entry["column_encodings"], strict=True)))
        stored = (folder / (entry["zip_data"] or entry["raw_data"])["basename"]).read_bytes()
        samples = read.samples(read.raw_bytes(stored, entry), entry["samples"])
        found += [read.decode(layout, sample) for sample in samples]
    return found


def pairs_in(row: dict[str, Any], manifest: Manifest, tokenizer_dir: Path) -> dict[str, bytes]:
    """Image by caption of a sample, by the data contract alone: whole pairs, then padding."""
    decode = tokenizers.Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json")).decode
    ids, identity = row["tokens"].tolist(), manifest.tokenizer
    found, at = {}, 0
    for image in np.split(np.frombuffer(row["images"], np.uint8), np.cumsum(row["image_lengths"])[:-1]):
        if not len(row["image_lengths"]):
            break
        assert ids[at : at + 4] == [identity.image_id] * 4
        end = ids.index(identity.end_of_text_id, at)
        found[decode(ids[at + 4 : end])] = image.tobytes()
        at = end + 1
    assert set(ids[at:]) <= {identity.pad_id}
    return found


REQUESTS = {
    "uids": (Request(uids=frozenset([uid_of(3), uid_of(41), "unknown"])), lambda n: n in (3, 41)),
    "urls": (Request(urls=frozenset([f"http://{HOSTS[1]}/5.jpg"])), lambda n: n == 5),
    "host": (Request(hosts=frozenset(["A.example."])), lambda n: n % 4 in (0, 1)),
    "everything": (Request(hosts=frozenset(HOSTS)), lambda n: True),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_only_what_was_named_leaves(
    dataset: Path, tokenizer_dir: Path, picture: Callable[..., bytes], case: str, made: PairsJob
) -> None:
    request, meant = REQUESTS[case]
    before, files_before = Manifest.load(dataset), tree(dataset)
    rows_before = rows_of(dataset) if case != "everything" else []
    done = remove(str(dataset), request, date=DATE, note="ticket 7")
    after = Manifest.load(dataset)
    assert after == done.manifest
    assert {one.uid for one in done.removed} == {uid_of(n) for n in range(80) if meant(n)}
    assert verify(str(dataset))[1] == []
    # What a schedule holds of a source: content, samples, and how many of them each shard has.
    assert (after.content, after.samples, after.plan) == (before.content, before.samples, before.plan)
    assert [(s.name, s.samples) for s in after.shards] == [(s.name, s.samples) for s in before.shards]
    assert after.tokens.total == before.tokens.total
    assert after.images == after.rows.written == 80 - len(done.removed)
    removal = after.removals[0]
    assert (removal.revision, removal.date, removal.note, removal.rows) == (1, DATE, "ticket 7", len(done.removed))
    assert removal.tokens == after.tokens.pad - before.tokens.pad
    now = tree(dataset)
    for name, data in files_before.items():
        if name.endswith((".mds", ".zstd")):
            assert (now[name] != data) == (name in done.shards)
    found: dict[str, bytes] = {}
    rows = rows_of(dataset)
    for number, row in enumerate(rows):
        here = pairs_in(row, after, tokenizer_dir)
        found |= here
        assert [f"caption {int(one['uid'], 16)}" for one in row_parts.why(str(dataset), number)] == list(here)
        if rows_before:
            earlier = pairs_in(rows_before[number], before, tokenizer_dir)
            gone = {f"caption {n}" for n in range(80) if meant(n)}
            assert list(here.items()) == [(text, image) for text, image in earlier.items() if text not in gone]
    assert len(rows) == before.samples
    assert found == {f"caption {n}": picture(n) for n in range(80) if not meant(n)}


def test_a_second_takedown_is_a_second_revision_and_an_empty_one_changes_nothing(dataset: Path) -> None:
    first = Manifest.load(dataset)
    remove(str(dataset), Request(uids=frozenset([uid_of(0)])), date=DATE)
    once = tree(dataset)
    assert remove(str(dataset), Request(uids=frozenset([uid_of(0)])), date=DATE).removed == []
    assert remove(str(dataset), Request(), date=DATE).removed == []
    assert tree(dataset) == once
    remove(str(dataset), Request(uids=frozenset([uid_of(1), uid_of(79)])), date=DATE)
    manifest = Manifest.load(dataset)
    assert [(one.revision, one.rows) for one in manifest.removals] == [(1, 1), (2, 2)]
    assert manifest.rows.rejected["removed"] == 3
    assert manifest.content == first.content
    assert (dataset / "removed/00002.txt").read_text().split() == [uid_of(1), uid_of(79)]
    assert json.loads((dataset / manifest.removals[0].record).read_text())["asked"]["uids"] == [uid_of(0)]
    assert verify(str(dataset))[1] == []


@pytest.mark.parametrize("made", [None], indirect=True, ids=["plain"])
def test_the_job_run_again_does_not_bring_rows_back(spark: SparkSession, made: PairsJob, dataset: Path) -> None:
    remove(str(dataset), Request(uids=frozenset([uid_of(7)])), date=DATE)
    before = tree(dataset)
    again = run(spark, made.model_copy(update={"out": str(dataset)}))
    assert again.resumed == "finished"
    assert again.manifest.rows.written == 79
    assert tree(dataset) == before


def test_a_dry_run_says_what_would_go(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(dataset)
    (dataset.parent / "hosts.txt").write_text("b.example\n\na.example.evil\n")
    assert main(["remove", str(dataset), "--host", f"@{dataset.parent / 'hosts.txt'}", "--dry-run"]) == 0
    assert "40 rows with 40 images would be replaced" in capsys.readouterr().out
    assert tree(dataset) == before
    assert main(["remove", str(dataset), "--uid", "none"]) == 0
    assert "no row matches" in capsys.readouterr().out
    assert main(["remove", str(dataset.parent), "--uid", "none"]) == 2
    assert "not a finished dataset" in capsys.readouterr().err


def test_two_takedowns_at_once_are_refused(dataset: Path) -> None:
    with lease.held(str(dataset), "takedown"), pytest.raises(InputError, match="a takedown by process"):
        remove(str(dataset), Request(uids=frozenset([uid_of(7)])), date=DATE)


def test_an_orphan_sweep_leaves_an_unfinished_takedown_alone(dataset: Path) -> None:
    change = journal.Change(str(dataset))
    change.put("x.txt", b"x")
    (dataset / journal.JOURNAL).write_text(json.dumps({"files": [["x.txt", change.digests["x.txt"]]]}))
    assert commit.sweep(str(dataset)) == []
    assert "interrupted" in verify(str(dataset))[1][0]
    remove(str(dataset), Request(), date=DATE)
    assert (dataset / "x.txt").read_text() == "x"
    assert verify(str(dataset))[1] == []


@pytest.mark.parametrize("made", [None], indirect=True, ids=["plain"])
def test_while_a_takedown_stages_others_leave_it_alone(
    dataset: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a sweep nor a check gets between its staging and its commit."""
    real, said = journal.Change.commit, []

    def commit_later(change: journal.Change) -> None:
        staged = len(tree(dataset / journal.FOLDER))
        assert staged > 3
        said.append(main(["sweep-orphans", str(dataset)]))
        said.append(main(["verify", str(dataset)]))
        assert len(tree(dataset / journal.FOLDER)) == staged
        real(change)

    monkeypatch.setattr(journal.Change, "commit", commit_later)
    remove(str(dataset), Request(uids=frozenset([uid_of(7)])), date=DATE)
    shown = capsys.readouterr()
    assert said == [2, 0], shown
    assert re.match(rf"error: {dataset}: a takedown by process {os.getpid()} of \S+ on \S+ works here", shown.err)
    assert ": sound: " in shown.out
    assert verify(str(dataset))[1] == []


@pytest.mark.parametrize("made", [None], indirect=True, ids=["plain"])
def test_a_takedown_in_the_middle_of_a_check_is_no_damage(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataprep import verify as module

    real, lock, uids = module._shard, threading.Lock(), [frozenset(uid_of(n) for n in range(0, 80, 5))]

    def shard(*arguments: Any, **options: Any) -> Any:
        with lock:
            if uids:
                remove(str(dataset), Request(uids=uids.pop()), date=DATE)
        return real(*arguments, **options)

    monkeypatch.setattr(module, "_shard", shard)
    with pytest.raises(InputError, match="a takedown changed it while it was checked; run the same command again"):
        verify(str(dataset))
    assert verify(str(dataset))[1] == []


@pytest.mark.parametrize("made", [None], indirect=True, ids=["plain"])
def test_killed_in_its_first_moment_it_blocks_nobody(dataset: Path) -> None:
    """The command itself, killed as soon as it holds the dataset: the next one takes it over, and nothing is left."""
    argv = [sys.executable, "-m", "dataprep", "remove", str(dataset), "--uid", *map(uid_of, range(0, 80, 2))]
    process = subprocess.Popen(argv, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)
    place = dataset / ".switchpoint/lease.json"
    deadline = time.monotonic() + 120
    while not place.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.001)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert psutil.wait_procs(family, 60)[1] == []
    assert place.exists()
    remove(str(dataset), Request(uids=frozenset(map(uid_of, range(0, 80, 2)))), date=DATE)
    assert not place.exists()
    assert verify(str(dataset))[1] == []


KILLER = """
import os, shutil, signal, sys
from pathlib import Path
from common import atomic_files
from dataprep.storage import files
from dataprep.takedown.remove import remove
from dataprep.takedown.request import Request

base, work, uids = Path(sys.argv[1]), Path(sys.argv[2]), frozenset(sys.argv[3:])
PLACES = ((files, "remove_tree"), (files, "remove"), (atomic_files, "rename"))

def start(folder, die_at):
    count = 0
    def wrapped(real):
        def call(*args, **more):
            nonlocal count
            count += 1
            if count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **more)
            count += 1
            if count == die_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return result
        return call
    for module, name in PLACES:
        setattr(module, name, wrapped(getattr(module, name)))
    remove(str(folder), Request(uids=uids), date="2026-01-02")

moment, killed = 0, True
while killed:  # every file operation once: killed before it, and after it
    moment += 1
    folder = shutil.copytree(base, work / str(moment))
    child = os.fork()
    if child == 0:
        start(folder, moment)
        os._exit(0)
    killed = os.WIFSIGNALED(os.waitpid(child, 0)[1])
    print(moment, killed, flush=True)
"""


@pytest.mark.parametrize("made", [None], indirect=True, ids=["plain"])
def test_killed_at_any_moment_it_is_as_before_or_done_and_a_second_start_finishes(
    dataset: Path, tmp_path: Path
) -> None:
    """A process of its own is killed (SIGKILL) before and after every file operation of a takedown."""
    uids = [uid_of(n) for n in (3, 4, 41)]
    work = tmp_path / "killed"
    work.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(dataset), str(work), *uids],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcomes = [line.split() for line in done.stdout.splitlines()]
    assert len(outcomes) > 20
    assert [killed for _, killed in outcomes] == ["True"] * (len(outcomes) - 1) + ["False"]
    calm, untouched = tree(work / outcomes[-1][0]), tree(dataset)
    seen = set()
    for moment, _ in outcomes[:-1]:
        folder = work / moment
        if not journal.pending(str(folder)):
            left = ("/redo/", "/tmp/", "/lease.json")
            state = {name: data for name, data in tree(folder).items() if not any(part in name for part in left)}
            assert state in (untouched, calm)
            seen.add("new" if state == calm else "old")
        else:
            seen.add("pending")
            assert "interrupted" in verify(str(folder))[1][0]
        remove(str(folder), Request(uids=frozenset(uids)), date=DATE)
        assert tree(folder) == calm
    assert seen == {"old", "pending", "new"}
    assert verify(str(work / outcomes[-1][0]))[1] == []
