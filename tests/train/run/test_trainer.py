"""Whole runs in one process: what reaches the optimizer, and that resume and branch go on to the last bit."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from composer.devices import DeviceCPU

from common.errors import InputError
from schemas.run_log import Step, steps
from schemas.schedule import Schedule
from tests.helpers import synthetic
from train.callbacks.audit import AuditError
from train.checkpoint import folder, load, state
from train.checkpoint.start_point import starting_point
from train.config.run_config import RunConfig
from train.run import device as run_device
from train.run import trainer
from train.run.launch import fit
from train.run.step_plan import Steps
from train.run.trainer import build_trainer

MODEL = {
    "decoder": {"width": 16, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 8, "mlp_width": 24},
    "encoder": {"width": 8},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("data")


def config(data: Path, out: Path, **changes) -> RunConfig:
    settings = {
        "schedule": "",
        "out": out,
        "model": MODEL,
        "microbatch": 3,
        "checkpoint": {"every": 3},
        "log_every": 50,
    }
    return RunConfig.model_validate({**settings, **changes})


def train(run: RunConfig, schedule: Schedule) -> list[Step]:
    run.out.mkdir(parents=True, exist_ok=True)
    fit(run, schedule, DeviceCPU())
    return list(steps(run.out / "metrics.jsonl"))


def without_clock(found: list[Step]) -> list[dict[str, object]]:
    return [step.model_dump(exclude={"seconds", "tokens_per_second"}) for step in found]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load.read_tensors(path / "model.safetensors")


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory) -> tuple[RunConfig, Schedule, list[Step]]:
    run, schedule = config(data, tmp_path_factory.mktemp("whole")), synthetic.schedule(data)
    return run, schedule, train(run, schedule)


def test_every_step_is_the_schedules(whole):
    _, schedule, found = whole
    assert [step.position for step in found] == list(range(8, 121, 8))
    for step in found:
        assert step.lr == schedule.lr(step.position - 8)
        assert step.samples == schedule.counts(step.position)
        assert step.phase == schedule.phase(step.position - 8).name
    assert found[5].loss < found[0].loss


@pytest.mark.parametrize("kept", [1, 2, 3])
def test_resume_is_exact_from_any_checkpoint(whole, tmp_path, kept):
    run, schedule, found = whole
    again = run.model_copy(update={"out": tmp_path / "out"})
    shutil.copytree(run.out, again.out)
    for path in folder.complete(again.out / "checkpoints")[kept:]:
        shutil.rmtree(path)
    with (again.out / "metrics.jsonl").open("a") as torn:
        torn.write('{"step": 16, "posit')
    assert without_clock(train(again, schedule)) == without_clock(found)
    last, expected = (folder.find(out) for out in (again.out, run.out))
    assert all(torch.equal(weights(last)[name], tensor) for name, tensor in weights(expected).items())


def test_checkpoints_stand_at_switch_points_and_the_end(whole):
    run, _, _ = whole
    saved = [state.read(path) for path in folder.complete(run.out / "checkpoints")]
    assert {one.position for one in saved if one.lasting} == {48, 88, 120}
    assert {one.position for one in saved if not one.lasting} == {72, 96}


def test_a_finished_run_has_nothing_to_do(whole):
    run, schedule, _ = whole
    assert build_trainer(run, schedule, DeviceCPU()) is None


def test_a_branch_goes_on_where_the_trunk_stood(whole, data, tmp_path):
    run, _, found = whole
    longer = synthetic.schedule(data, lengths=(48, 40, 48))
    trunk = run.out / "checkpoints" / f"{88:015d}"
    branch = train(config(data, tmp_path / "branch", branch_from=trunk), longer)
    assert [step.position for step in branch] == list(range(96, 137, 8))
    assert branch[0].loss == found[11].loss
    assert branch[-1].samples == longer.counts(136)


def test_a_branch_carries_the_optimizer_and_the_order_on(whole, data, tmp_path):
    """Under the trunk's own schedule it is the trunk again, to the last bit: weights, moments, losses, samples."""
    run, schedule, found = whole
    branch = config(data, tmp_path / "branch", branch_from=run.out / "checkpoints" / f"{48:015d}")
    assert without_clock(train(branch, schedule)) == without_clock(found)[6:]
    ends = [folder.find(one.out) for one in (run, branch)]
    for file in ("model.safetensors", "optimizer.safetensors"):
        assert (ends[0] / file).read_bytes() == (ends[1] / file).read_bytes()


def test_a_branch_finds_the_newest_checkpoint_that_it_shares(whole, data, tmp_path):
    run, _, _ = whole
    # A longer last phase draws its learning rate otherwise; another mix from sample 48 on shares the text phase alone.
    branch = config(data, tmp_path / "branch", branch_from=run.out)

    def leaves_at(**changes) -> str:
        found = starting_point(branch, synthetic.schedule(data, **changes))
        assert found is not None
        return found[0].name

    assert leaves_at(lengths=(48, 40, 48)) == f"{88:015d}"
    assert leaves_at(pairs_share=200_000_000) == f"{48:015d}"
    with pytest.raises(InputError, match="no checkpoint here shares its past"):
        leaves_at(lengths=(40, 48, 64))


def test_a_changed_past_is_refused(whole, data):
    run, _, _ = whole
    with pytest.raises(InputError, match="past, before sample 120"):
        build_trainer(run, synthetic.schedule(data, lengths=(40, 48, 64)), DeviceCPU())


def test_another_global_batch_and_microbatch_go_on_from_the_same_position(whole, data, tmp_path):
    run, schedule, found = whole
    again = config(data, tmp_path / "out", global_batch=16, microbatch=16)
    shutil.copytree(run.out, again.out)
    for path in folder.complete(again.out / "checkpoints")[1:]:
        shutil.rmtree(path)
    resumed = train(again, schedule)
    assert [step.position for step in resumed[:6]] == [8, 16, 24, 32, 40, 48]
    assert [step.position for step in resumed[6:]] == [64, 80, 96, 112, 120]
    assert resumed[-1].samples == found[-1].samples


def test_steps_without_a_target_move_nothing(data, tmp_path, monkeypatch, capfd):
    """A takedown may leave windows of padding alone; Composer would divide by their number of targets."""
    sample = synthetic.sample

    def emptied(kind, index, rng):
        row = sample(kind, index, rng)
        return {**row, "loss_mask": np.zeros(synthetic.SEQ_LEN, np.uint8)} if kind == "conversations" else row

    monkeypatch.setattr(synthetic, "sample", emptied)
    run = config(tmp_path, tmp_path / "run", optimizer={"weight_decay": 0.5})
    found = train(run, synthetic.schedule(tmp_path))
    tuning = [step for step in found if step.phase == "tuning"]
    assert len(tuning) == 4
    assert all(step.loss is None and not step.loss_by_source for step in tuning)
    assert all(step.loss is not None for step in found[:11])
    said = "warning: source 'conversations' had 8 samples in the step up to sample 96, and not one token"
    assert capfd.readouterr().err.count(said) == 1
    for file in ("model", "optimizer"):
        switch, end = (
            load.read_tensors(run.out / "checkpoints" / f"{position:015d}" / f"{file}.safetensors")
            for position in (88, 120)
        )
        assert switch.keys() == end.keys()
        assert all(torch.equal(end[name], tensor) for name, tensor in switch.items()), file


def test_frozen_parts_and_an_idle_encoder_do_not_move(data, tmp_path):
    schedule = synthetic.schedule(data, freeze=("encoder", "decoder"))
    run = config(data, tmp_path / "out", checkpoint={"every": 1, "keep": 99}, optimizer={"weight_decay": 0.5})
    train(run, schedule)
    first, switch, tuning, end = (
        weights(run.out / "checkpoints" / f"{position:015d}") for position in (8, 48, 88, 120)
    )

    def moved(before, after) -> set[str]:
        return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}

    assert moved(first, switch) == {"decoder"}
    assert moved(switch, tuning) == {"decoder", "encoder", "projector"}
    assert moved(tuning, end) == {"projector"}


def test_optimizer_is_reset_where_a_phase_asks(data, tmp_path):
    schedule = synthetic.schedule(data)
    last = schedule.phases[-1].model_copy(update={"reset_optimizer": True})
    schedule = schedule.model_copy(update={"phases": [*schedule.phases[:-1], last]})
    run = config(data, tmp_path / "out", checkpoint={"every": 99})
    train(run, schedule)
    at_switch, at_end = (
        load.read_tensors(run.out / "checkpoints" / f"{position:015d}" / "optimizer.safetensors")
        for position in (88, 120)
    )
    assert at_switch == {}
    assert at_end["decoder.norm.weight/step"] == 4


def test_audit_stops_the_run(data, tmp_path, monkeypatch):
    schedule = synthetic.schedule(data)
    wrong = schedule.samples

    def swapped(start: int, stop: int):
        sources, ids = wrong(start, stop)
        return (sources + 1) % 3 if start >= 16 else sources, ids % 17

    monkeypatch.setattr(Schedule, "samples", lambda self, start, stop: swapped(start, stop))
    monkeypatch.setattr("train.loader.rank_share.SPAN", 8)
    with pytest.raises(AuditError, match="step 3, from sample 16: drew"):
        train(config(data, tmp_path / "out"), schedule)
    assert len((tmp_path / "out/metrics.jsonl").read_text().splitlines()) == 2


def test_a_trunk_that_saw_no_image_takes_another_encoder(whole, data, tmp_path):
    run, schedule, found = whole
    towers = {**MODEL, "encoder": {"kind": "siglip_dino", "width": 8, "layers": 1, "heads": 2}}
    branch = config(data, tmp_path / "branch", model=towers, branch_from=run.out / "checkpoints" / f"{48:015d}")
    steps_taken = train(branch, schedule)
    assert [step.position for step in steps_taken] == list(range(56, 121, 8))
    trunk, end = weights(run.out / "checkpoints" / f"{48:015d}"), weights(folder.find(branch.out))
    assert {name.split(".")[1] for name in end if name.startswith("encoder.")} == {"siglip", "dino"}
    assert not any(torch.equal(end[name], tensor) for name, tensor in trunk.items() if name in end)
    text = [step.loss_by_source["text"] for step in steps_taken[:1]]
    assert text == [pytest.approx(found[6].loss_by_source["text"], rel=1e-4)], "the decoder goes on where it stood"
    late = config(data, tmp_path / "late", model=towers, branch_from=run.out / "checkpoints" / f"{88:015d}")
    with pytest.raises(InputError, match="has trained another image encoder, on 12 samples with images"):
        build_trainer(late, schedule, DeviceCPU())


def test_uneven_ranks_are_refused(data, tmp_path, monkeypatch):
    monkeypatch.setattr("train.run.trainer.dist.get_world_size", lambda: 3)
    with pytest.raises(InputError, match="cannot be shared evenly by 3 ranks"):
        build_trainer(config(data, tmp_path / "out"), synthetic.schedule(data), DeviceCPU())


def test_a_last_step_with_fewer_rows_than_ranks_is_left_out_but_not_in_silence(caplog):
    steps = Steps(global_batch=12, ranks=4, stop=27)
    assert steps.stop_from(0) == 24
    assert "the run ends 3 samples before its schedule" in caplog.text
    caplog.clear()
    assert (steps.stop_from(3), steps.stop_from(23), Steps(12, 1, 27).stop_from(24)) == (27, 27, 27)
    assert not caplog.text


def test_checkpoints_hold_no_pickles(whole):
    run, _, _ = whole
    newest = folder.find(run.out)
    assert {file.name for file in newest.iterdir()} == {
        "model.safetensors",
        "optimizer.safetensors",
        "schedule.json",
        "state.json",
    }
    assert json.loads((newest / "state.json").read_text())["samples"] == {"text": 76, "pairs": 12, "conversations": 32}


def test_another_models_checkpoint_is_refused(whole, data):
    run, schedule, _ = whole
    other = run.model_copy(
        update={"model": config(data, run.out, model={**MODEL, "decoder": None, "size": "demo"}).model}
    )
    shutil.rmtree(folder.find(run.out))
    with pytest.raises(InputError, match=r"model.decoder.head_width: 32 now, but these weights were trained with 8"):
        build_trainer(other, schedule, DeviceCPU())


@pytest.mark.parametrize(("world", "expected"), [("1", 3), ("8", None)])
def test_a_process_that_is_alone_takes_the_gpu_that_was_chosen_for_it(monkeypatch, world, expected):
    """A worker of a sweep, say: by rank, all of them would train on GPU 0."""
    chosen, started = [], []
    monkeypatch.setattr(run_device.dist, "get_world_size", lambda: int(world))
    monkeypatch.setattr(trainer.dist, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(run_device, "DeviceGPU", lambda device_id: chosen.append(device_id) or "gpu")
    monkeypatch.setattr(trainer.dist, "initialize_dist", lambda device, timeout: started.append(device))
    assert run_device.choose_device() == "gpu"
    assert (chosen, started) == ([expected], ["gpu"])
