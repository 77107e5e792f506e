"""Tests that the optimizer is given the gradients of what a step trains, and of nothing else."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.helpers import small_runs, synthetic
from train.callbacks.gradients import Gradients
from train.callbacks.step_facts import StepRecord
from train.models.build import build_model


def test_steps_without_a_target_move_nothing(tmp_path, monkeypatch, capfd):
    """A takedown may leave windows of padding alone; Composer would divide by their number of targets."""
    sample = synthetic.sample

    def emptied(kind, index, rng):
        row = sample(kind, index, rng)
        return {**row, "loss_mask": np.zeros(synthetic.SEQ_LEN, np.uint8)} if kind == "conversations" else row

    monkeypatch.setattr(synthetic, "sample", emptied)
    run = small_runs.config(tmp_path / "run", optimizer={"weight_decay": 0.5})
    found = small_runs.train(run, synthetic.schedule(tmp_path))
    tuning = [step for step in found if step.phase == "tuning"]
    assert len(tuning) == 4
    assert all(step.loss is None and not step.loss_by_source for step in tuning)
    assert all(step.loss is not None for step in found[:11])
    said = "warning: source 'conversations' had 8 samples in the step up to sample 96, and not one token"
    assert capfd.readouterr().err.count(said) == 1
    for file in ("model", "optimizer"):
        switch, end = (small_runs.tensors(run.out, position, file) for position in (88, 120))
        assert switch.keys() == end.keys()
        assert all(torch.equal(end[name], tensor) for name, tensor in switch.items()), file


def test_frozen_parts_and_an_idle_encoder_do_not_move(tmp_path):
    schedule = synthetic.schedule(tmp_path, freeze=("encoder", "decoder"))
    run = small_runs.config(tmp_path / "out", checkpoint={"every": 1, "keep": 99}, optimizer={"weight_decay": 0.5})
    small_runs.train(run, schedule)
    first, switch, tuning, end = (small_runs.tensors(run.out, position) for position in (8, 48, 88, 120))

    def moved(before, after) -> set[str]:
        return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}

    assert moved(first, switch) == {"decoder"}
    assert moved(switch, tuning) == {"decoder", "encoder", "projector"}
    assert moved(tuning, end) == {"projector"}


def test_optimizer_is_reset_where_a_phase_asks(tmp_path):
    schedule = synthetic.schedule(tmp_path)
    last = schedule.phases[-1].model_copy(update={"reset_optimizer": True})
    schedule = schedule.model_copy(update={"phases": [*schedule.phases[:-1], last]})
    run = small_runs.config(tmp_path / "out", checkpoint={"every": 99})
    small_runs.train(run, schedule)
    at_switch, at_end = (small_runs.tensors(run.out, position, "optimizer") for position in (88, 120))
    assert at_switch == {}
    assert at_end["decoder.norm.weight/step"] == 4


@pytest.mark.parametrize(
    ("position", "targets", "images", "kept"),
    [
        (48, [5, 7, 0], 3, {"decoder", "encoder", "projector"}),
        (48, [5, 0, 0], 0, {"decoder"}),
        (48, [0, 0, 0], 3, set()),
        (88, [0, 0, 9], 3, {"projector"}),
        (88, [0, 0, 9], 0, set()),
    ],
)
def test_zeros_that_ddp_has_made_do_not_reach_the_optimizer(tmp_path, position, targets, images, kept):
    """It gives every parameter a gradient; by weight decay and old momentum one of zeros moves a parameter."""
    schedule = synthetic.schedule(tmp_path, freeze=("encoder", "decoder"))
    model = build_model(small_runs.config(tmp_path / "out"), schedule)
    record = StepRecord(schedule)
    record.start, record.loss_tokens, record.images = position, targets, images
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    nothing = cast(Any, SimpleNamespace())
    Gradients(model, schedule, record, 1.0).after_train_batch(nothing, nothing)
    found = {name.partition(".")[0] for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert found == kept
