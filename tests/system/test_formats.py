"""Files as earlier checkouts wrote them are read, and a run goes on from them; files of a later schema are refused.

`formats/DATE` holds what the checkout of that day wrote (`formats/make.py`); `docs/versions.md` says which schemas they
have. A folder is never changed: where a schema gets a new version, a folder with the new files is added.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from composer.devices import DeviceCPU

from common.errors import InputError
from curriculum.sweep_report import read_runs
from dataprep.engine import plan
from dataprep.provenance.why import load_index
from dataprep.verify import verify
from schemas.manifest import Manifest
from schemas.results import Results, load_task
from schemas.run_log import steps
from schemas.schedule import Schedule
from schemas.schema_version import READS, FileKind
from train.checkpoint import state
from train.run.launch import fit
from train.sweep import worker_pool

FORMATS = Path(__file__).parent / "formats"
FIRST = FORMATS / "2026-11-26"
CHECKPOINT = "run/checkpoints/000000000000012"
SCHEDULE_HASH = "fd486190662b7435cfcb3fc4e5583b9c17cfd7710252454809428193c4fee92a"

READERS: list[tuple[FileKind, str, Callable[[Path], Any]]] = [
    ("plan", "text/.switchpoint/plan.json", lambda file: plan.read(str(file))),
    ("manifest", "text/manifest.json", lambda file: Manifest.load(file.parent)),
    ("provenance index", "text/provenance/train.json", lambda file: load_index(str(file.parents[1]))),
    ("schedule", "schedule.json", Schedule.load),
    ("sweep", "sweep/sweep.json", lambda file: read_runs.read(file.parent)),
    ("sweep", "sweep/sweep.json", lambda file: worker_pool.read(file.parent)),
    ("checkpoint", f"{CHECKPOINT}/state.json", lambda file: state.read(file.parent)),
    ("results", "scores/results.json", lambda file: Results.load(file.parent)),
]


@pytest.mark.parametrize(("kind", "name", "read"), READERS)
def test_a_file_of_a_later_schema_is_refused_as_such(
    tmp_path: Path, kind: FileKind, name: str, read: Callable[[Path], Any]
) -> None:
    shutil.copytree(FIRST, tmp_path, dirs_exist_ok=True)
    file = tmp_path / name
    read(file)
    later = READS[kind][-1] + 1
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": later, "a field of tomorrow": 1}))
    with pytest.raises(InputError, match=rf"version: {kind} of schema {later}; this release reads .*; use the release"):
        read(file)


@pytest.mark.parametrize("file", sorted(FORMATS.glob("*/*/.switchpoint/plan.json")))
def test_a_finished_dataset_of_an_earlier_checkout_is_finished_and_a_begun_one_needs_its_output_version(
    tmp_path: Path, file: Path
) -> None:
    dataset = tmp_path / "dataset"
    shutil.copytree(FIRST / file.parents[1].name, dataset)
    shutil.copy(file, dataset / ".switchpoint/plan.json")
    named = plan.read(str(file))
    now = named.model_copy(update={"output_version": 99, "packages": {"pillow": "99.0"}})
    assert plan.begin(str(dataset), now) == "finished"
    (dataset / "manifest.json").unlink()
    was = named.output_version or "absent"
    with pytest.raises(InputError, match=f"different plan: output_version: {was} -> 99.*; finish it with the release"):
        plan.begin(str(dataset), now)
    if named.output_version:
        assert plan.begin(str(dataset), named) == "resumed"


@pytest.mark.parametrize("kind", ["text", "pairs"])
def test_a_dataset_is_sound(kind: str) -> None:
    manifest, problems = verify(str(FIRST / kind))
    assert problems == []
    assert manifest.kind == kind


def test_a_schedule_means_what_it_meant() -> None:
    schedule = Schedule.load(FIRST / "schedule.json")
    assert schedule.hash == SCHEDULE_HASH
    assert schedule.counts(24) == {"text": 18, "pairs": 6}
    for source in schedule.sources:
        assert Manifest.load(FIRST / source.name).content == source.content


def test_a_sweep_and_results_are_read() -> None:
    swept = read_runs.read(FIRST / "sweep")
    assert len(swept.runs) == 2
    assert [one.id for one in worker_pool.read(FIRST / "sweep")] == [node.id for node in swept.nodes]
    results = Results.load(FIRST / "scores")
    assert results.model.schedule == SCHEDULE_HASH
    assert load_task(FIRST / "scores", "loss-text").score == results.tasks["loss-text"].score


@pytest.mark.parametrize("folder", sorted(one.parents[2] for one in FORMATS.glob(f"*/{CHECKPOINT}")))
def test_a_run_goes_on_from_a_checkpoint(tmp_path: Path, folder: Path) -> None:
    expected = list(steps(folder / "run/metrics.jsonl"))
    out = tmp_path / "run"
    shutil.copytree(folder / CHECKPOINT, out / "checkpoints" / Path(CHECKPOINT).name)
    log = (folder / "run/metrics.jsonl").read_text().splitlines(keepends=True)
    (out / "metrics.jsonl").write_text("".join(log[:3]))
    schedule = Schedule.load(folder / "schedule.json")
    placed = [source.model_copy(update={"path": str(FIRST / source.name)}) for source in schedule.sources]
    moved = schedule.model_copy(update={"sources": placed})
    moved.save(tmp_path / "schedule.json")
    before = state.read(folder / CHECKPOINT)
    run = before.run.model_copy(update={"out": out, "schedule": tmp_path / "schedule.json", "tokenizer": None})
    fit(run, moved, DeviceCPU())
    found = list(steps(out / "metrics.jsonl"))
    assert [one.position for one in found] == [4, 8, 12, 16, 20, 24]
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.digest, ours.samples, ours.images) == (theirs.digest, theirs.samples, theirs.images)
        assert ours.lr == pytest.approx(theirs.lr, rel=1e-12)
        assert ours.loss == pytest.approx(theirs.loss, rel=1e-3), f"step {ours.step}"
