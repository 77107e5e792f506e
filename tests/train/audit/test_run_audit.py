"""Tests that an audit proves what fits the schedule, and names the first difference of what does not."""

import pytest

from tests.helpers import synthetic
from train.audit import sample_digest
from train.audit.run_audit import of_checkpoint, of_log


@pytest.fixture(scope="module")
def schedule(tmp_path_factory):
    return synthetic.schedule(tmp_path_factory.mktemp("data"))


def test_a_checkpoint_is_proven_or_the_difference_named(schedule):
    position, past, counts = 80, schedule.prefix_hash(80), schedule.counts(80)
    right = sample_digest.text(sample_digest.due(schedule, 0, 80))
    assert of_checkpoint(schedule, position, past, counts, right).fault is None
    assert of_checkpoint(schedule, position, past, counts, "").digest is None
    assert "other samples" in of_checkpoint(schedule, position, past, counts, f"{1:016x}").fault
    assert "it counted" in of_checkpoint(schedule, position, past, {**counts, "text": 1}, right).fault
    assert "its past" in of_checkpoint(schedule, position, "other", counts, right).fault
    assert "the schedule ends" in of_checkpoint(schedule, 121, past, counts, right).fault


def test_a_log_is_proven_step_by_step(schedule):
    steps = synthetic.log(schedule, 0, 8)
    finding = of_log(schedule, steps)
    assert (finding.fault, finding.steps, finding.position) == (None, 15, 120)
    assert finding.digest == sample_digest.text(sample_digest.due(schedule, 0, 120))
    assert of_log(schedule, synthetic.log(schedule, 48, 12, first=7)).fault is None  # a branch's log
    changes = [
        ({"digest": f"{7:016x}"}, "it read other samples than the schedule's 24 to 32"),
        ({"lr": 0.5}, "its learning rate was 0.5"),
        ({"samples": {"text": 31}}, "it had counted"),
        ({"step": 5}, "it follows step 3"),
        ({"position": 20}, "it ends at sample 20"),
    ]
    for change, message in changes:
        broken = [*steps[:3], steps[3].model_copy(update=change), *steps[4:]]
        assert message in of_log(schedule, broken).fault
    assert of_log(schedule, [*steps[:5], *steps[6:]]).fault.startswith("step 7: it follows step 5")
