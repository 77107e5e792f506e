"""Tests of how a run is cut into steps: evenly among ranks, and where its last step ends."""

from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers import small_runs, synthetic
from train.run.step_plan import Steps


def test_ranks_share_every_step_evenly(tmp_path: Path) -> None:
    schedule = synthetic.schedule(tmp_path)
    run, own = small_runs.config(tmp_path), small_runs.config(tmp_path, global_batch=12)
    assert Steps.of(run, schedule, 4) == Steps(global_batch=8, ranks=4, stop=120)
    assert Steps.of(own, schedule, 3) == Steps(global_batch=12, ranks=3, stop=120)
    uneven = Steps.of(run, schedule, 3)
    assert [uneven.rows_of(rank) for rank in range(3)] == [3, 3, 2]
    assert uneven.most_rows == 3
    with pytest.raises(InputError, match="global_batch: a global batch of 8 rows is too small for 9 ranks"):
        Steps.of(run, schedule, 9)


def test_a_last_step_with_fewer_rows_than_ranks_is_left_out_but_not_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    steps = Steps(global_batch=12, ranks=4, stop=27)
    assert steps.stop_from(0) == 24
    assert "the run ends 3 samples before its schedule" in caplog.text
    caplog.clear()
    assert (steps.stop_from(3), steps.stop_from(23), Steps(12, 1, 27).stop_from(24)) == (27, 27, 27)
    assert not caplog.text
