"""What rests in a step costs nothing: no backward of a frozen encoder, no exchange for an idle image side."""

import json
from types import SimpleNamespace

import pytest
import torch

from tests.helpers import ranks, synthetic
from train.callbacks.step_facts import StepRecord
from train.callbacks.working_parts import WorkingParts
from train.config.parallel_config import ParallelConfig
from train.config.run_config import RunConfig
from train.loader.rows.batch import Batch, make_batch
from train.models.build import build_model


def batch() -> Batch:
    """Two rows, each with an image of four tokens."""
    ids = torch.arange(2 * synthetic.SEQ_LEN).view(2, -1) % 50 + 2
    ids[:, 3:7] = synthetic.TOKENIZER.image_id
    pixels = torch.randint(0, 256, (2, 3, synthetic.GEOMETRY.size, synthetic.GEOMETRY.size), dtype=torch.uint8)
    one, none = torch.ones(2, dtype=torch.int64), torch.zeros(2, dtype=torch.int64)
    return make_batch(ids, ids, pixels, one, none, none, none, one * synthetic.SEQ_LEN)


def test_the_schedule_says_what_works(tmp_path):
    schedule = synthetic.schedule(tmp_path, freeze=("encoder",))
    run = RunConfig.model_validate(ranks.settings("", tmp_path / "out"))
    model, record = build_model(run, schedule), StepRecord(schedule)
    parts = WorkingParts(model, schedule, record, ParallelConfig(), global_batch=8, most_rows=4, stop=120)
    state = SimpleNamespace(device_train_microbatch_size=2)
    found = {}
    for record.start in (0, 40, 48, 88):
        parts.batch_start(state, None)  # type: ignore[arg-type]
        found[record.start] = model.images_due, set(model.frozen), set(parts.resting)
    image_side = {"encoder", "projector"}
    assert found[0] == found[40] == (False, set(), image_side)
    assert found[48] == (True, set(), set())
    assert found[88] == (True, {"encoder"}, {"encoder"})


@pytest.mark.parametrize("lockstep", [False, True])
def test_a_frozen_encoder_has_no_backward_and_the_rest_the_same_gradients(tmp_path, lockstep):
    schedule = synthetic.schedule(tmp_path)
    run = RunConfig.model_validate(ranks.settings("", tmp_path / "out"))
    gradients = {}
    for frozen in (frozenset(), frozenset({"encoder"})):
        model = build_model(run, schedule).train()
        model.lockstep, model.frozen = lockstep, frozen
        visited = []
        assert model.encoder is not None
        model.encoder.register_full_backward_hook(lambda *_, visited=visited: visited.append(1))
        torch.manual_seed(0)
        model(batch()).loss.backward()
        assert bool(visited) is not bool(frozen)
        gradients[frozen] = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    trained, with_frozen = gradients.values()
    assert {name.split(".")[0] for name in trained.keys() - with_frozen.keys()} == {"encoder"}
    assert all(torch.equal(trained[name], gradient) for name, gradient in with_frozen.items())


def test_sharded_ranks_run_the_image_side_only_where_one_may_have_an_image(tmp_path):
    schedule = synthetic.schedule(tmp_path)
    model = build_model(RunConfig.model_validate(ranks.settings("", tmp_path / "out")), schedule)
    model.lockstep = True
    assert model.encoder is not None
    runs = []
    model.encoder.register_forward_hook(lambda *_: runs.append(1))
    text = batch()
    text["pixels"], text["input_ids"] = text["pixels"][:0], text["input_ids"].clamp(max=50)
    for due, training, expected in ((True, True, 1), (False, True, 0), (False, False, 1)):
        model.images_due, runs[:] = due, []
        model.train(training)(text)
        assert len(runs) == expected


@pytest.mark.soak
def test_two_ranks_exchange_what_works_once_a_step(tmp_path):
    """Steps of two micro-batches a rank: text, mixed, and with a frozen encoder, unsharded and sharded."""
    schedule = synthetic.schedule(tmp_path, lengths=(16, 16, 16), freeze=("encoder",))
    schedule.save(tmp_path / "schedule.json")
    model = build_model(RunConfig.model_validate(ranks.settings("", tmp_path / "out")), schedule)
    size = {
        part: 4 * sum(p.numel() for p in getattr(model, part).parameters())
        for part in ("decoder", "encoder", "projector")
    }

    def sent(**changes) -> list[dict[str, list[int]]]:
        out = tmp_path / "-".join(map(str, changes["parallel"].values()))
        run = ranks.settings(str(tmp_path / "schedule.json"), out, **changes)
        file = out.with_suffix(".jsonl")
        ranks.finish(run, 2, "tests/helpers/counted_collectives.py", COLLECTIVES=str(file))
        return [json.loads(line) for line in file.read_text().splitlines()]

    # Unsharded: each part's gradients once; a first step has one bucket for all, buckets are rebuilt after it.
    text, mixed, frozen = (sum(sent_["all_reduce"]) for sent_ in sent(parallel={"strategy": "ddp"})[1::2])
    assert size["decoder"] <= text < size["decoder"] + 200
    assert size["decoder"] + size["encoder"] + size["projector"] <= mixed < sum(size.values()) + 200
    assert size["decoder"] + size["projector"] <= frozen < size["decoder"] + size["projector"] + 200

    # Sharded: the root, and the blocks of decoder and encoder twice (the root stays gathered). Of a frozen encoder FSDP
    # gathers the last block again, in vain, when backward has come to the block after it: here it has one.
    steps = sent(parallel={"strategy": "fsdp"})[1::2]
    assert [len(step["all_gather_into_tensor"]) for step in steps] == [2 * 5, 2 * 7, 2 * 7]
    assert [len(step["reduce_scatter_tensor"]) for step in steps] == [3, 4, 3]
    each = sent(parallel={"strategy": "fsdp", "reduce_every_microbatch": True})[1::2]
    assert [len(step["reduce_scatter_tensor"]) for step in each] == [6, 8, 6]
