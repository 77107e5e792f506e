"""Tests of `audit` on a log and a checkpoint: exit status, the first difference, and what it needs to be told."""

from pathlib import Path

import pytest

from schemas.schedule import Schedule
from tests.helpers import checkpoints, synthetic
from tests.helpers.checkpoints import copied_to
from tests.helpers.commands import assert_refused
from train.__main__ import main
from train.audit import sample_digest

PROVEN = "proven: every sample is the schedule's, in its place"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's `out` with a checkpoint at 8, which has no digest, one at 48, which has, and the schedule beside it."""
    folder = tmp_path_factory.mktemp("audit")
    out = checkpoints.checkpoint(folder, encoder=checkpoints.PATCH)
    schedule = Schedule.load(folder / "schedule.json")
    drawn = sample_digest.text(sample_digest.due(schedule, 0, 48))
    copied_to(out / "checkpoints" / f"{8:015d}", 48, schedule, drawn=drawn)
    return folder


def log(path: Path, schedule: Schedule, **fourth: object) -> Path:
    """A run's log, the fourth of whose steps says something else."""
    found = synthetic.log(schedule, 0, 8)
    found[3] = found[3].model_copy(update=fourth)
    path.write_text("".join(step.model_dump_json() + "\n" for step in found))
    return path


def test_a_log_is_proven_step_by_step(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schedule = Schedule.load(root / "schedule.json")
    argv = ["audit", str(log(tmp_path / "metrics.jsonl", schedule)), "--schedule", str(root / "schedule.json")]
    assert main(argv) == 0
    said = capsys.readouterr().out
    assert f"15 steps, 120 samples, {schedule.tokens(120):,} tokens" in said
    assert f"{schedule.counts(120)['pairs']} samples" in said
    assert PROVEN in said
    log(tmp_path / "metrics.jsonl", schedule, digest=f"{1:016x}")
    assert main(argv) == 1
    said = capsys.readouterr().out
    assert "NOT what the schedule says: step 4: it read other samples than the schedule's 24 to 32" in said
    assert PROVEN not in said


def test_a_checkpoint_is_proven_by_the_schedule_that_it_carries(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(root / "out")]) == 0
    assert PROVEN in (said := capsys.readouterr().out)
    assert f"{48:015d}: 48 samples" in said, "the newest"
    assert main(["audit", str(root / "out/checkpoints" / f"{8:015d}")]) == 0
    assert "as the schedule says, in counts; the run kept no digest" in capsys.readouterr().out


def test_another_schedule_is_not_what_the_run_saw(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = checkpoints.byte_schedule(tmp_path).model_copy(update={"seed": 8})
    other.save(tmp_path / "other.json")
    assert main(["audit", str(root / "out"), "--schedule", str(tmp_path / "other.json")]) == 1
    assert "NOT what the schedule says: its past, before sample 48, is not" in capsys.readouterr().out


def test_what_cannot_be_audited_is_told(root: Path, tmp_path: Path) -> None:
    assert_refused(main, ["audit", str(tmp_path)], match="no checkpoint here")
    lone = log(tmp_path / "metrics.jsonl", Schedule.load(root / "schedule.json"))
    assert_refused(main, ["audit", str(lone)], match="carries no schedule; name it: --schedule schedule.json")
