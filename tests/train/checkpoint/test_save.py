"""What is saved right after an evaluation is what training holds, sharded or not; what would be lost is refused."""

import json
from types import SimpleNamespace

import pytest
import torch
import torch.distributed
from composer.core import Timestamp

from tests.helpers import ranks, synthetic
from train.checkpoint import folder, load
from train.checkpoint.save import CheckpointStore
from train.config.parallel_config import ParallelConfig
from train.config.run_config import RunConfig
from train.loader.held_out import HeldOut
from train.models.build import build_model
from train.models.row_losses import row_losses
from train.models.sharding import mesh_of, shard
from train.run.optimizer import build_optimizer

STRATEGIES = ("ddp", "fsdp")


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
        assert sorted(p.name for p in ours.iterdir()) == sorted(p.name for p in theirs.iterdir())
        assert (ours / "schedule.json").read_bytes() == (theirs / "schedule.json").read_bytes()
        states = [json.loads((path / "state.json").read_text()) for path in (ours, theirs)]
        for state in states:
            del state["run"]["out"], state["run"]["parallel"]
            for own in ("digests", "seal", "identity"):  # of this run's own bytes; tensors are compared below
                del state[own]
        assert states[0] == states[1]
        for file in ("model.safetensors", "optimizer.safetensors"):
            found, expected = load.read_tensors(ours / file), load.read_tensors(theirs / file)
            assert found.keys() == expected.keys(), file
            for name, tensor in expected.items():  # a difference of dtype fails, too
                torch.testing.assert_close(found[name], tensor, atol=2e-5, rtol=1e-3, msg=f"{ours}/{file}: {name}")
    held_out = [(tmp_path / name / "held_out.jsonl").read_text().splitlines() for name in STRATEGIES]
    assert [len(lines) for lines in held_out] == [2, 2]


@pytest.fixture
def group():
    """A process group of this process alone; the one that an earlier test's trainer left behind does as well."""
    if torch.distributed.is_initialized():
        yield
        return
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


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
