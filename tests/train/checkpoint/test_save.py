"""What is saved right after an evaluation is what training holds, sharded or not; what would be lost is refused."""

import json
import os
import subprocess
import time
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
import torch
import torch.distributed
from composer.core import Timestamp
from composer.devices import DeviceCPU

from common.errors import InputError
from tests.helpers import ranks, synthetic
from train.checkpoint import digests, folder, load
from train.checkpoint.save import CheckpointStore
from train.config.parallel_config import ParallelConfig
from train.config.run_config import RunConfig
from train.export.hugging_face_model import load as open_model
from train.loader.held_out import HeldOut
from train.models.build import build_model
from train.models.row_losses import row_losses
from train.models.sharding import mesh_of, shard
from train.run.launch import fit
from train.run.optimizer import build_optimizer

STRATEGIES = ("ddp", "fsdp")
WHOLE = {"model.safetensors", "optimizer.safetensors"}
IN_TWO = {f"{kind}-0000{n}-of-00002.safetensors" for kind in ("model", "optimizer") for n in (1, 2)}


def evaluating(root, **lengths):
    """A schedule that evaluates and saves at position 16, in `root`, and held-out data."""
    schedule = synthetic.schedule(root, **lengths)
    points = {"evaluate_at": [16], "checkpoint_at": [16]}
    phases = [p.model_copy(update=points) if p.name == "text" else p for p in schedule.phases]
    return schedule.model_copy(update={"phases": phases}), synthetic.write(root / "held", "pairs", 10, seed=5)


@pytest.mark.soak
def test_two_ranks_save_the_same_at_an_evaluation_sharded_or_not(tmp_path):
    schedule, held = evaluating(tmp_path, lengths=(24, 8, 8))
    schedule.save(tmp_path / "schedule.json")
    settings = {"evaluation": {"sources": {"pairs": str(held)}}, "checkpoint": {"every": 1000}}
    for name in STRATEGIES:
        run = ranks.settings(tmp_path / "schedule.json", tmp_path / name, parallel={"strategy": name}, **settings)
        ranks.finish(run, 2)
    whole, sharded = (folder.complete(tmp_path / name / "checkpoints") for name in STRATEGIES)
    assert [int(path.name) for path in whole] == [16, 24, 32, 40]
    assert [path.name for path in whole] == [path.name for path in sharded]
    for ours, theirs in zip(sharded, whole, strict=True):
        assert {p.name for p in theirs.iterdir()} == {*WHOLE, "schedule.json", "state.json"}
        assert {p.name for p in ours.iterdir()} == {*IN_TWO, "schedule.json", "state.json"}
        assert (ours / "schedule.json").read_bytes() == (theirs / "schedule.json").read_bytes()
        states = [json.loads((path / "state.json").read_text()) for path in (ours, theirs)]
        for state in states:
            del state["run"]["out"], state["run"]["parallel"]
            for own in (
                "version",
                "digests",
                "seal",
                "identity",
            ):  # of its own bytes; tensors are compared below
                del state[own]
        assert states[0] == states[1]
        for file in ("model.safetensors", "optimizer.safetensors"):
            found, expected = load.read_tensors(ours / file), load.read_tensors(theirs / file)
            assert found.keys() == expected.keys(), file
            for name, tensor in expected.items():  # a difference of dtype fails, too
                torch.testing.assert_close(found[name], tensor, atol=2e-5, rtol=1e-3, msg=f"{ours}/{file}: {name}")
    held_out = [(tmp_path / name / "held_out.jsonl").read_text().splitlines() for name in STRATEGIES]
    assert [len(lines) for lines in held_out] == [2, 2]


def launched(plan, path, count: int) -> None:
    """Run `tests/helpers/sharded_save.py` on `count` ranks."""
    path.write_text(json.dumps(plan))
    argv = [str(ranks.COMPOSER), "-n", str(count), str(ranks.ROOT / "tests/helpers/sharded_save.py"), str(path)]
    subprocess.run(argv, check=True, timeout=300, env={**os.environ, **ranks.ENVIRONMENT}, cwd=path.parent)


@pytest.mark.soak
def test_any_number_of_ranks_loads_what_any_other_has_saved(tmp_path):
    """Unsharded to two ranks, to three, to one: every tensor stays, to the bit."""
    schedule = synthetic.schedule(tmp_path, lengths=(16, 8, 8))
    schedule.save(tmp_path / "schedule.json")
    run = ranks.settings(str(tmp_path / "schedule.json"), tmp_path / "whole")
    (tmp_path / "whole").mkdir()
    fit(RunConfig.model_validate(run), schedule, DeviceCPU())
    source = folder.find(tmp_path / "whole")
    expected = {file: dict(load.read_tensors(source / file)) for file in WHOLE}
    assert any("exp_avg" in name for name in expected["optimizer.safetensors"])
    for count in (2, 3, 1):
        out = tmp_path / f"of-{count}"
        again = ranks.settings(str(tmp_path / "schedule.json"), out, parallel={"strategy": "fsdp"})
        launched({"what": "copy", "run": again, "source": str(source)}, tmp_path / f"copy-{count}.json", count)
        source = folder.find(out)
        digests.check(source)
        assert len(list(source.glob("*.safetensors"))) == 2 * count
        assert not list(source.glob(".*")), "no receipt is left"
        for file, tensors in expected.items():
            found = load.read_tensors(source / file)
            assert found.keys() == tensors.keys()
            assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
        open_model(source)  # as export and evaluate do
    lost = folder.find(tmp_path / "of-3")
    (lost / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(InputError, match=r"model-00002-of-00003\.safetensors is missing"):
        digests.check(lost)


@pytest.mark.soak
@pytest.mark.parametrize("apart", [False, True], ids=["one disk", "a disk each"])
def test_a_rank_needs_main_memory_for_its_share_alone_and_training_waits_for_the_copy(tmp_path, apart):
    """Of 100 M parameters, 1.2 GB with their moments; gathered on one rank they would take all of it, twice."""
    plan = {"what": "memory", "layers": 6, "folder": str(tmp_path), "apart": apart, "tokens": 128}
    launched(plan, tmp_path / "memory.json", 2)
    told = [json.loads((tmp_path / f"told-{rank}").read_text()) for rank in (0, 1)]
    for rank in told:
        assert rank["share"] == 6 * 3 * 4096 * 2048 * 4
        assert rank["grew"] < rank["share"] + 300e6, told
        assert rank["copied"] < 2 * rank["step"], told
    (partial,) = tmp_path.glob("**/partial")
    assert {path.name for path in partial.iterdir()} >= IN_TWO
    found = load.read_tensors(partial / "model.safetensors")
    assert {found.shape(name) for name in found} == {(4096, 4096)}
    assert len(found) == 6


@pytest.mark.soak
def test_ranks_without_a_common_disk_save_the_same(tmp_path):
    """Each trains in a folder of its own, as on nodes of their own; rank 0's has the checkpoints."""
    synthetic.schedule(tmp_path, lengths=(16, 8, 8)).save(tmp_path / "schedule.json")
    shared = ranks.settings(str(tmp_path / "schedule.json"), tmp_path / "one", parallel={"strategy": "fsdp"})
    ranks.finish(shared, 2)
    apart = {**shared, "out": str(tmp_path / "node-{rank}")}
    log = ranks.finish(apart, 2, "tests/helpers/own_disks.py", log=tmp_path / "node-0")
    assert len(log) == 4
    whole, sent = (folder.complete(tmp_path / name / "checkpoints") for name in ("one", "node-0"))
    assert [path.name for path in sent] == [path.name for path in whole]
    for ours, theirs in zip(sent, whole, strict=True):
        digests.check(ours)
        assert {p.name for p in ours.iterdir()} == {*IN_TWO, "schedule.json", "state.json"}
        assert all((ours / name).read_bytes() == (theirs / name).read_bytes() for name in IN_TWO)
    assert not list((tmp_path / "node-1").glob("**/*.safetensors"))


SLOW = {"main": "tests/helpers/slow_disk.py", "TIME_OUT": "8"}


@pytest.mark.soak
def test_a_save_may_take_longer_than_collectives_wait_and_be_killed(tmp_path):
    """Training goes on meanwhile; a save that a kill cut short is none, and other ranks go on from the one before."""
    synthetic.schedule(tmp_path, global_batch=12, lengths=(36, 12, 12)).save(tmp_path / "schedule.json")

    def settings(name: str) -> dict[str, Any]:
        return ranks.settings(str(tmp_path / "schedule.json"), tmp_path / name, parallel={"strategy": "fsdp"})

    whole = ranks.finish(settings("slow"), 2, SECONDS="12", **SLOW)
    names = [path.name for path in folder.complete(tmp_path / "slow/checkpoints")]
    assert names == [f"{position:015d}" for position in (36, 48, 60)]
    assert whole[3].seconds < 12, "a step went on while the checkpoint before it was written, which took 24 s"

    process = ranks.start(settings("killed"), 2, SECONDS="3", **SLOW)
    saves, deadline = tmp_path / "killed/checkpoints", time.monotonic() + 200
    while not list(saves.glob(".*48.*.partial/model*")) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    for rank in psutil.Process(process.pid).children():
        rank.kill()
    output, _ = process.communicate(timeout=100)
    assert [path.name for path in folder.complete(saves)] == [f"{36:015d}"], output
    assert list(saves.glob(".*.partial")), "it was in the middle"
    resumed = ranks.finish(settings("killed"), 3)
    assert [step.position for step in resumed] == [step.position for step in whole]
    for ours, theirs in zip(resumed, whole, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=2e-6)
    assert not list(saves.glob(".*.partial")), "swept"


@pytest.mark.parametrize("reshard_after_forward", [True, False])
def test_a_sharded_model_in_bf16_is_saved_in_fp32_after_an_evaluation(tmp_path, group, reshard_after_forward):
    schedule, path = evaluating(tmp_path)
    run = RunConfig.model_validate(ranks.settings("", tmp_path / "out"))
    parallel = ParallelConfig(strategy="fsdp", reshard_after_forward=reshard_after_forward)
    model = build_model(run, schedule)
    model.lockstep = True
    shard(model, model.blocks(), parallel, mesh_of(parallel, 1, "cpu"), "amp_bf16")
    optimizer = build_optimizer(model, run.optimizer)
    held = HeldOut(path, schedule.tokenizer, schedule.geometry)
    store = CheckpointStore(run.out, model, run, schedule)
    state = SimpleNamespace(timestamp=Timestamp(sample=8, batch=1), optimizers=[optimizer])
    (batch,) = held.batches(10)
    with torch.autocast("cpu", torch.bfloat16):
        model(batch).loss.backward()
        optimizer.step()
        before = store.save(state, {"text": 8}, lasting=True)  # type: ignore[arg-type]
        expected = {file: load.read_tensors(before / file) for file in ("model.safetensors", "optimizer.safetensors")}
        list(row_losses(model, held.batches(4), lambda batch: batch))
        saved = store.save(state, {"text": 8}, lasting=True)  # type: ignore[arg-type]
        for file, tensors in expected.items():
            found = load.read_tensors(saved / file)
            assert found.keys() == tensors.keys()
            assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
            assert {tensor.dtype for tensor in found.values()} == {torch.float32}
        with torch.no_grad():
            model(batch)
        with pytest.raises(RuntimeError, match=r"the optimizer does not know \d+ trained parameters, 'decoder"):
            store.save(state, {"text": 8}, lasting=True)  # type: ignore[arg-type]
