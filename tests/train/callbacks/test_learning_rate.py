"""The learning rate that the optimizer steps with is the schedule's, at every step of trunk, resume and branch."""

import shutil

import pytest
from composer.devices import DeviceCPU

from tests.helpers import ranks, synthetic
from train.checkpoint import folder
from train.config.run_config import RunConfig
from train.run.trainer import build_trainer


def rates(run: dict, schedule) -> list[tuple[int, float]]:
    """(position, rate) of every optimizer step, as the optimizer itself saw it."""
    config = RunConfig.model_validate(run)
    config.out.mkdir(parents=True, exist_ok=True)
    built = build_trainer(config, schedule, DeviceCPU())
    assert built is not None
    trainer, dataset = built
    seen: list[tuple[int, float]] = []

    def note(optimizer, *_) -> None:
        (rate,) = {group["lr"] for group in optimizer.param_groups}
        seen.append((int(trainer.state.timestamp.sample), rate))

    trainer.state.optimizers[0].register_step_pre_hook(note)
    try:
        trainer.fit()
    finally:
        dataset.close()
        trainer.close()
    return seen


def test_rate_is_the_schedules_through_trunk_resume_and_branch(tmp_path):
    schedule = synthetic.schedule(tmp_path)
    trunk = ranks.settings("", tmp_path / "trunk", checkpoint={"every": 3})
    found = rates(trunk, schedule)
    assert [position for position, _ in found] == list(range(0, 120, 8))
    assert all(rate == schedule.lr(position) for position, rate in found)
    assert len({rate for _, rate in found}) == 15, "a rate that does not move would prove nothing"

    resumed = ranks.settings("", tmp_path / "resumed", checkpoint={"every": 3})
    shutil.copytree(tmp_path / "trunk", tmp_path / "resumed")
    for path in folder.complete(tmp_path / "resumed/checkpoints"):
        if int(path.name) > 72:
            shutil.rmtree(path)
    assert rates(resumed, schedule) == found[9:]

    longer = synthetic.schedule(tmp_path, lengths=(48, 40, 64))
    branch = ranks.settings("", tmp_path / "branch", branch_from=str(tmp_path / "trunk"))
    assert rates(branch, longer) == [(p, pytest.approx(longer.lr(p), rel=0, abs=0)) for p in range(88, 152, 8)]
