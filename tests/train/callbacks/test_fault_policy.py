"""Tests of a poisoned sample in a real run: the run is stopped, the step skipped, or the run rolled back."""

import json
import math
import shutil
import weakref
from pathlib import Path

import pytest
import torch

from common import json_lines
from common.errors import InputError
from schemas.run_log import Step
from tests.helpers import small_runs, synthetic
from tests.helpers.small_runs import tensors, train, without_clock
from train.callbacks.fault_log import Fault, FaultLog
from train.callbacks.fault_policy import Faults
from train.checkpoint import folder, state
from train.config.run_config import RunConfig
from train.models.vlm import VisionLanguageModel

POISONED = 20
"""Position of the sample whose loss is NaN: in the third step, of samples 16 to 23."""


@pytest.fixture
def schedule(tmp_path, monkeypatch):
    """A schedule under which one text sample yields a loss that is no number, whenever it is drawn."""
    made = synthetic.schedule(tmp_path, lengths=(32, 8, 8))
    source, index = made.sample(POISONED)
    assert source == 0
    name = torch.tensor([2 + index // 50, 2 + index % 50])
    sound = VisionLanguageModel.loss

    def loss(self, outputs, batch, *args, **kwargs):
        value = sound(self, outputs, batch, *args, **kwargs)
        rows = (batch["input_ids"][:, 1:3] == name).all(dim=1) & (batch["sources"] == 0)
        return value * float("nan") if rows.any() else value

    monkeypatch.setattr(VisionLanguageModel, "loss", loss)
    return made


def config(out: Path, **faults) -> RunConfig:
    return small_runs.config(out, checkpoint={"every": 1, "keep": 99}, faults=faults)


def moved(out: Path, before: int, after: int) -> bool:
    """Whether any weight differs between two checkpoints."""
    first, second = tensors(out, before), tensors(out, after)
    return any(not torch.equal(first[name], second[name]) for name in first)


def as_text(found: list[Step]) -> str:
    """As text: NaN is not equal to itself."""
    return json.dumps(without_clock(found))


def test_stop_leaves_the_last_good_checkpoint(schedule, tmp_path):
    run = config(tmp_path / "out")
    with pytest.raises(InputError, match="step 3: loss or gradient is not finite; look at what it drew"):
        train(run, schedule)
    assert state.read(folder.find(run.out)).position == 16
    assert all(tensor.isfinite().all() for tensor in tensors(run.out, 16).values())


def test_skip_withholds_the_update_and_says_so(schedule, tmp_path):
    run = config(tmp_path / "out", non_finite="skip")
    found = train(run, schedule)
    assert [step.step for step in found] == [1, 2, 3, 4, 5, 6]
    assert [step.withheld for step in found] == [False, False, True, False, False, False]
    assert math.isnan(found[2].gradient_norm)
    assert found[-1].samples == schedule.counts(48)
    assert not moved(run.out, 16, 24)
    assert moved(run.out, 24, 32)
    (line,) = (run.out / "faults.jsonl").read_text().splitlines()
    fault = Fault.model_validate_json(json_lines.opened(line.encode()))
    assert (fault.start, fault.stop, fault.step, fault.action) == (16, 24, 3, "skip")

    again = config(tmp_path / "again", non_finite="skip")
    shutil.copytree(run.out, again.out)
    for path in folder.complete(again.out / "checkpoints")[1:]:
        shutil.rmtree(path)
    with (again.out / "faults.jsonl").open("a") as torn:
        torn.write('{"start": 3')
    assert as_text(train(again, schedule)) == as_text(found)
    assert (again.out / "faults.jsonl").read_text() == line + "\n"


def test_roll_back_gives_up_the_steps_that_led_there(schedule, tmp_path, monkeypatch):
    run = config(tmp_path / "out", non_finite="roll_back", give_up=2)
    built: list[weakref.ref[VisionLanguageModel]] = []
    initial = VisionLanguageModel.__init__

    def alone(self, *arguments, **options):
        assert not any(model() for model in built), "the next model is built beside the one that was rolled back"
        built.append(weakref.ref(self))
        initial(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(VisionLanguageModel, "__init__", alone)
        found = train(run, schedule)
    assert len(built) == 2
    assert [step.step for step in found] == [1, 2, 3, 4, 5, 6]
    assert [step.withheld for step in found][2:] == [True, False, False, False]
    # The last checkpoint is the one before the fault: of the stretch only what lies behind it can be taken again.
    assert not moved(run.out, 16, 24)
    for path in folder.complete(run.out / "checkpoints")[1:]:
        shutil.rmtree(path)
    assert [step.withheld for step in train(run, schedule)] == [False, True, True, False, False, False]
    assert not moved(run.out, 8, 24)


def test_too_many_faults_stop_the_run(schedule, tmp_path):
    run = config(tmp_path / "out", non_finite="skip", limit=1)
    run.out.mkdir()
    log = FaultLog(run.out)
    log.add(Fault(start=900, stop=908, step=112, reason="r", loss=1, gradient_norm=1, action="skip"), write=True)
    with pytest.raises(InputError, match=r"faults.limit: step 3: .* after 1 faults that were passed over"):
        train(run, schedule)


def test_a_run_that_was_stopped_judges_as_one_that_was_not(tmp_path):
    """Text was last drawn longer ago than a window is long: it is compared with that past all the same."""
    schedule = synthetic.schedule(tmp_path, global_batch=2, lengths=(48, 8, 64))
    judges = []
    for kept in (None, 112):
        faulty = {"spike": "skip", "window": 20}
        run = small_runs.config(tmp_path / "out", microbatch=2, checkpoint={"every": 4}, faults=faulty)
        run.out.mkdir(exist_ok=True)
        for path in folder.complete(run.out / "checkpoints"):
            if int(path.name) > kept:
                shutil.rmtree(path)
        (faults,) = (one for one in small_runs.train_with(run, schedule) if isinstance(one, Faults))
        judges.append(faults.judge)
    assert judges[0]._recent == judges[1]._recent
    assert len(judges[1]._recent["text"]) == 20
