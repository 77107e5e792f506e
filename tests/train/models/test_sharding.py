"""Two ranks, sharded or not, are one: losses, clipped gradients, weights; with ranks that see no image; and back."""

import shutil

import pytest
import torch

from common.errors import InputError
from schemas.schedule import Schedule
from tests.helpers import ranks, small_runs, synthetic
from train.checkpoint import folder, load
from train.config.parallel_config import ParallelConfig
from train.config.run_config import RunConfig
from train.loader.held_out import HeldOut
from train.models.build import build_model
from train.models.sharding import REPLICAS_ON_CPU, mesh_of, shard

LENGTHS = (16, 40, 13)
"""The last step has 5 rows: three for one rank, two for the other."""


def alone(run: dict[str, object]):
    """The run in this process."""
    config = RunConfig.model_validate(run)
    return small_runs.train(config, Schedule.load(config.schedule))


def assert_same(found, expected) -> None:
    assert [step.position for step in found] == [step.position for step in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.samples == theirs.samples
        assert ours.images == theirs.images
        assert ours.lr == theirs.lr
        assert ours.loss == pytest.approx(theirs.loss, rel=2e-6), ours.step
        assert ours.gradient_norm == pytest.approx(theirs.gradient_norm, rel=1e-4), ours.step


def assert_same_weights(found, expected) -> None:
    ours, theirs = (load.read_tensors(folder.find(out) / "model.safetensors") for out in (found, expected))
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, atol=2e-5, rtol=1e-3, msg=name)


CLIPPED = {"optimizer": {"clip": 0.05}}
"""Far below the gradients' norm: every step is scaled by a norm that both ranks have to add up."""


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    """A directory with a schedule, and in `one` what one rank makes of it; that run's log."""
    root = tmp_path_factory.mktemp("one")
    schedule = synthetic.schedule(root, lengths=LENGTHS, pairs_share=150_000_000)
    schedule.save(root / "schedule.json")
    lopsided = 0
    for first in range(16, 56, 8):  # rank 0 has the first four rows of a step, rank 1 the others
        kinds, _ = schedule.samples(first, first + 8)
        lopsided += (kinds[:4].any() and not kinds[4:].any()) or (kinds[4:].any() and not kinds[:4].any())
    assert lopsided, "no step in which one rank alone sees images: choose another schedule"
    log = alone(ranks.settings(root / "schedule.json", root / "one", **CLIPPED))
    assert min(step.gradient_norm for step in log) > 0.05
    return root, log


@pytest.mark.slow
def test_two_sharded_ranks_equal_one_rank(one, tmp_path):
    root, log = one
    schedule = root / "schedule.json"
    sharded = ranks.settings(schedule, tmp_path / "two", parallel={"strategy": "fsdp"}, **CLIPPED)
    assert_same(ranks.finish(sharded, 2), log)
    assert_same_weights(tmp_path / "two", root / "one")

    # Its checkpoint is anybody's: from the switch on, one rank without sharding goes the same way.
    back = ranks.settings(schedule, tmp_path / "back", **CLIPPED)
    shutil.copytree(tmp_path / "two", tmp_path / "back")
    for path in folder.complete(tmp_path / "back/checkpoints"):
        if int(path.name) > 16:
            shutil.rmtree(path)
    assert_same(alone(back), log)


@pytest.mark.soak
def test_two_ranks_equal_one_rank(one, tmp_path):
    """Also where a micro-batch has images on one rank alone: its image side must have gradients on the other."""
    root, log = one
    run = ranks.settings(root / "schedule.json", tmp_path / "two", microbatch=1, **CLIPPED)
    assert_same(ranks.finish(run, 2), log)
    assert_same_weights(tmp_path / "two", root / "one")


@pytest.mark.soak
def test_three_ranks_that_do_not_divide_a_step_equal_one_rank(one, tmp_path):
    """Of eight rows two ranks have three and one has two, with as many micro-batches."""
    root, log = one
    run = ranks.settings(root / "schedule.json", tmp_path / "three", parallel={"strategy": "fsdp"}, **CLIPPED)
    assert_same(ranks.finish(run, 3), log)
    assert_same_weights(tmp_path / "three", root / "one")


@pytest.mark.soak
@pytest.mark.skipif(not REPLICAS_ON_CPU, reason="torch 2.11 alone has replicas without GPUs")
def test_two_replicas_of_two_shards_equal_one_rank(one, tmp_path):
    """Four ranks; the first replica's two save. One rank goes on from there."""
    root, log = one
    parallel = {"strategy": "fsdp", "replicas": 2}
    run = ranks.settings(root / "schedule.json", tmp_path / "four", parallel=parallel, microbatch=1, **CLIPPED)
    assert_same(ranks.finish(run, 4), log)
    assert_same_weights(tmp_path / "four", root / "one")
    saved = folder.complete(tmp_path / "four/checkpoints")
    assert all(len(list(path.glob("*-of-00002.safetensors"))) == 4 for path in saved)
    for path in saved[1:]:
        shutil.rmtree(path)
    assert_same(alone(ranks.settings(root / "schedule.json", tmp_path / "four", **CLIPPED)), log)


def test_replicas_must_divide_ranks():
    assert ParallelConfig(strategy="fsdp").shape(6) == (6,)
    assert ParallelConfig(strategy="fsdp", replicas=2).shape(6) == (2, 3)
    with pytest.raises(InputError, match="6 ranks cannot hold 4 replicas evenly"):
        ParallelConfig(strategy="fsdp", replicas=4).shape(6)
    if not REPLICAS_ON_CPU:
        with pytest.raises(InputError, match="replicas need GPUs"):
            mesh_of(ParallelConfig(strategy="fsdp", replicas=2), 6, "cpu")


@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_the_residual_stream_is_in_bf16_sharded_or_not(tmp_path, group, family):
    schedule = synthetic.schedule(tmp_path)
    decoder = {**ranks.MODEL["decoder"], "family": family}
    run = RunConfig.model_validate(ranks.settings("", tmp_path / "out", model={"decoder": decoder}))
    (batch,) = HeldOut(tmp_path / "pairs", schedule.tokenizer, schedule.geometry).batches(30)
    losses = []
    for strategy in ("ddp", "fsdp"):
        model, seen = build_model(run, schedule), set()
        for layer in (*model.decoder.layers, model.decoder.norm):
            layer.register_forward_hook(lambda _, x, y, seen=seen: seen.update({x[0].dtype, y.dtype}))
        if strategy == "fsdp":
            model.lockstep, parallel = True, ParallelConfig(strategy="fsdp")
            shard(model, model.blocks(), parallel, mesh_of(parallel, 1, "cpu"), "amp_bf16")
        with torch.autocast("cpu", torch.bfloat16):
            losses.append(model(batch).loss.item())
        assert seen == {torch.bfloat16}
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
