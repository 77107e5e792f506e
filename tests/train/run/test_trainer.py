"""Whole runs in one process: what reaches the optimizer, and that resume and branch go on to the last bit."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from composer.devices import DeviceCPU

from common.errors import InputError
from schemas.run_log import Step
from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.small_runs import train, without_clock
from train.callbacks.audit import AuditError
from train.checkpoint import folder, load, state
from train.config.run_config import RunConfig
from train.run import device as run_device
from train.run import trainer
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
    assert [step.attended for step in found] == [attended(schedule, step.position) for step in found]


def attended(schedule: Schedule, stop: int) -> int:
    """Pairs of the step that ends at `stop`, document by document."""
    pairs = 0
    for source, sample in zip(*(found.tolist() for found in schedule.samples(stop - 8, stop)), strict=True):
        kind, rng = schedule.sources[source].kind, np.random.default_rng(0)
        rows = [synthetic.sample(kind, index, rng)["tokens"] for index in range(sample + 1)]
        starts = [0, *np.flatnonzero(rows[-1] == 0).tolist(), synthetic.SEQ_LEN]  # an end-of-text opens the next
        pairs += sum(n * (n + 1) // 2 for n in np.diff(starts).tolist())
    return pairs


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
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: False)  # by an earlier test, perhaps
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    monkeypatch.setattr(run_device, "DeviceGPU", lambda device_id: chosen.append(device_id) or "gpu")
    monkeypatch.setattr(trainer.dist, "initialize_dist", lambda device, timeout: started.append(device))
    assert run_device.choose_device() == "gpu"
    assert (chosen, started) == ([expected], ["gpu"])
