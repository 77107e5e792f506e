"""A full disk and a signal: the last good checkpoint stays, and the run goes on from it as if nothing had been."""

import os
import resource
import shutil
import signal

import pytest
from composer.core import Callback
from composer.devices import DeviceCPU

from common.errors import InputError
from tests.helpers import small_runs, synthetic
from tests.helpers.small_runs import facts
from train.callbacks.checkpointing import Checkpointing
from train.callbacks.graceful_stop import SIGNALS, AskedToLeave, Leaving
from train.checkpoint import folder as checkpoint_folder
from train.checkpoint import state as checkpoint_state
from train.config.run_config import RunConfig
from train.run.launch import fit, launch
from train.run.trainer import build_trainer


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    schedule = synthetic.schedule(root, lengths=(48, 16, 16))
    run = config(root / "out")
    small_runs.train(run, schedule)
    return run, schedule


def config(out) -> RunConfig:
    return small_runs.config(out, checkpoint={"every": 2})


def from_position(whole, out, position: int) -> RunConfig:
    """A copy of the whole run, as if it had been stopped right after the checkpoint at `position`."""
    run = config(out)
    shutil.copytree(whole[0].out, out)
    for path in checkpoint_folder.complete(out / "checkpoints"):
        if int(path.name) > position:
            shutil.rmtree(path)
    return run


def test_a_full_disk_keeps_the_last_good_checkpoint(whole, tmp_path, capfd):
    run = from_position(whole, tmp_path / "out", 48)
    before = {path.name: path.stat().st_mtime_ns for path in checkpoint_folder.complete(run.out / "checkpoints")}
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, hard))  # the log fits, a checkpoint does not
    try:
        with pytest.raises(InputError, match=r"cannot save the checkpoint of step 8 .*; mend that and start"):
            fit(run, whole[1], DeviceCPU())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    after = {path.name: path.stat().st_mtime_ns for path in checkpoint_folder.complete(run.out / "checkpoints")}
    assert after == before
    assert not list((run.out / "checkpoints").glob(".*.partial"))
    fit(run, whole[1], DeviceCPU())
    assert facts(run.out) == facts(whole[0].out)


def test_an_interval_checkpoint_may_fail_now_and_then(whole, tmp_path, capfd):
    run = from_position(whole, tmp_path / "out", 0)
    built = build_trainer(run, whole[1], DeviceCPU())
    assert built is not None
    trainer, dataset = built
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    (saving,) = (callback for callback in trainer.state.callbacks if isinstance(callback, Checkpointing))

    class Full(Callback):
        """The disk is full for the second step's checkpoint, and the fourth's finds room again."""

        def batch_end(self, state, logger) -> None:
            if saving.store.writing is not None:
                saving.store.writing.wait()
            limit = 12_000 if int(state.timestamp.batch) == 2 else soft
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))

    trainer.state.callbacks.append(Full())
    try:
        trainer.fit()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        dataset.close()
        trainer.close()
    assert "warning: checkpoint not saved" in capfd.readouterr().err
    assert facts(run.out) == facts(whole[0].out)


def test_a_disk_too_full_for_the_log_is_told_in_one_line(whole, tmp_path):
    run = small_runs.config(tmp_path / "out", checkpoint={"every": 99})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500, hard))
    try:
        with pytest.raises(InputError, match=r"out: the disk is full \(File too large\); free some space and start"):
            launch(run, whole[1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    launch(run, whole[1])
    assert facts(run.out) == facts(whole[0].out)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_saves_and_leaves(whole, tmp_path, number):
    run = from_position(whole, tmp_path / "out", 0)
    built = build_trainer(run, whole[1], DeviceCPU())
    assert built is not None
    trainer, dataset = built
    before = signal.getsignal(number)

    class Scheduler(Callback):
        """Wants the node back in the third step."""

        def batch_start(self, state, logger) -> None:
            if int(state.timestamp.batch) == 2:
                os.kill(os.getpid(), number)

    trainer.state.callbacks.append(Scheduler())
    try:
        with pytest.raises(AskedToLeave):
            trainer.fit()
    finally:
        dataset.close()
        trainer.close()
    assert any(isinstance(callback, Leaving) for callback in trainer.state.callbacks)
    assert signal.getsignal(number) == before
    assert checkpoint_state.read(checkpoint_folder.find(run.out)).position == 24
    fit(run, whole[1], DeviceCPU())
    assert facts(run.out) == facts(whole[0].out)
