"""Event files of a run that was killed and went on have every step once, whatever was trained twice."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from composer.core import Callback
from composer.devices import DeviceCPU

from tests.helpers import ranks, synthetic
from train.checkpoint.folder import complete
from train.config.run_config import RunConfig
from train.run.launch import fit

pytest.importorskip("tensorboard", reason="tensorboard is not installed")


def curves(board: Path) -> dict[str, Counter[int]]:
    """How often each tag has each step, to TensorBoard."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (folder,) = {path.parent for path in board.rglob("events.out.tfevents.*")}
    found = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    found.Reload()
    return {tag: Counter(event.step for event in found.Scalars(tag)) for tag in found.Tags()["scalars"]}


def test_a_step_that_was_trained_twice_is_there_once(tmp_path, monkeypatch):
    schedule = synthetic.schedule(tmp_path, lengths=(48, 8, 8))
    run = RunConfig.model_validate(
        ranks.settings("", tmp_path / "out", checkpoint={"every": 3}, loggers={"tensorboard": str(tmp_path / "board")})
    )
    run.out.mkdir()
    board = tmp_path / "board" / run.name
    copies = []

    def copy(self, state, logger):
        """The event files as they are on disk when a step's checkpoint is made, and two steps later."""
        if int(state.timestamp.batch) in (3, 5):
            copies.append(tmp_path / f"copy-{int(state.timestamp.batch)}")
            shutil.copytree(board, copies[-1] / run.name)

    with monkeypatch.context() as patch:
        patch.setattr("train.callbacks.checkpointing.Checkpointing.batch_checkpoint", _both(copy))
        fit(run, schedule, DeviceCPU())
    for tag in ("step/loss", "sources/text/samples", "loss/train/total"):
        assert curves(copies[0])[tag] == Counter(range(1, 4)), "what a step logged is on disk before its checkpoint"
    whole = curves(tmp_path / "board")
    for path in complete(run.out / "checkpoints"):
        if int(path.name) > 24:
            shutil.rmtree(path)
    shutil.rmtree(board)
    shutil.copytree(copies[1] / run.name, board)  # killed after step 5; step 3 is the last checkpoint
    fit(run, schedule, DeviceCPU())
    found = curves(tmp_path / "board")
    assert found["step/loss"] == Counter(range(1, 9))
    assert found["loss/train/total"] == Counter(range(1, 9))
    assert found == whole


def _both(copy):
    from train.callbacks.checkpointing import Checkpointing

    save = Checkpointing.batch_checkpoint

    def batch_checkpoint(self: Callback, state, logger):
        save(self, state, logger)
        copy(self, state, logger)

    return batch_checkpoint
