"""A schedule compiled before a takedown is the same schedule after it, also for a training that is under way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dataprep.provenance import row_parts
from dataprep.takedown.remove import remove
from dataprep.takedown.request import Request
from schemas.schedule import Schedule
from tests.helpers.commands import command_environment

CURRICULUM = """\
seed: 7
global_batch: 4
sources: {pairs: {path: dataset, exhausted: repeat, max_passes: 9}}
learning_rate: {peak: 3e-3, warmup: 2 steps, shape: cosine, floor: 0, over: 2_048}
phases: [{name: pairs, for: 2_048, mix: {pairs: 1}}]
"""


@pytest.mark.parametrize("made", [None], indirect=True, ids=["plain"])
def test_a_schedule_compiled_before_is_read_after(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from train.loader.dataset import ScheduleDataset

    monkeypatch.chdir(tmp_path)
    (tmp_path / "curriculum.yaml").write_text(CURRICULUM)

    def compiled(name: str) -> Schedule:
        command = [sys.executable, "-m", "curriculum", "compile", "curriculum.yaml", "-o", name]
        subprocess.run(command, cwd=tmp_path, env=command_environment(), check=True, capture_output=True, timeout=60)
        return Schedule.load(tmp_path / name)

    schedule = compiled("before.json")
    total = schedule.total_samples
    _, samples = schedule.samples(0, total)
    before = [row.tokens for row in ScheduleDataset(schedule, 4, cache="unused")]
    running = iter(ScheduleDataset(schedule, 4, cache="unused"))
    seen = [next(running).tokens for _ in range(5)]  # its index and table of samples are in memory

    victim = row_parts.why(str(dataset), int(samples[9]))[1]["uid"]
    remove(str(dataset), Request(uids=frozenset([victim])), date="2026-01-02")

    rest = [row.tokens for row in running]
    after = [row.tokens for row in ScheduleDataset(Schedule.load(tmp_path / "before.json"), 4, cache="unused")]
    assert len(seen) + len(rest) == len(after) == len(before) == total
    assert all(map(np.array_equal, [*seen[:5], *rest], [*before[:5], *after[5:]]))
    hit = [n for n in range(total) if not np.array_equal(before[n], after[n])]
    assert hit == np.flatnonzero(samples == samples[9]).tolist()
    pad = schedule.tokenizer.pad_id
    assert all((after[n] == pad).sum() > (before[n] == pad).sum() for n in hit)
    assert compiled("after.json").hash == schedule.hash
