"""The micro-batch is searched once, remembered, and the run goes on with it; what does not fit is not chosen."""

import json

import pytest
import torch
import torch.distributed
from composer.core import Precision
from composer.devices import DeviceCPU

from common import seal
from schemas.run_log import steps
from tests.helpers import ranks, small_runs, synthetic
from train.config.parallel_config import ParallelConfig
from train.config.run_config import RunConfig
from train.models.decoder import Block
from train.models.vlm import VisionLanguageModel
from train.run import microbatch_search
from train.run.launch import fit
from train.run.microbatch_search import largest_batch, search


def test_a_run_searches_once(tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(16, 8, 8))
    run = RunConfig.model_validate(ranks.settings("", tmp_path / "out", microbatch="auto"))
    small_runs.train(run, schedule)
    assert len(list(steps(run.out / "metrics.jsonl"))) == 4
    known = seal.opened((run.out / "microbatch.json").read_text())
    assert known["microbatch"] in (1, 2, 4, 8)
    model = VisionLanguageModel.of(run.model, schedule.tokenizer, schedule.geometry)
    known["microbatch"] = 3
    (run.out / "microbatch.json").write_text(json.dumps(known))
    arguments = (schedule, 8, DeviceCPU(), Precision.FP32)
    assert search(model, *arguments, ParallelConfig(), run.out) == (3, False), "remembered"
    assert search(model, *arguments, ParallelConfig(strategy="fsdp"), run.out).used, (
        "for other ranks it is searched anew"
    )


@pytest.mark.parametrize("what", ["gpu", "recompute", "encoder", "frozen", "length"])
def test_an_answer_for_other_circumstances_is_not_taken(tmp_path, monkeypatch, what):
    """What needs more memory, or another GPU, needs another answer."""
    schedule = synthetic.schedule(tmp_path)
    run = RunConfig.model_validate(ranks.settings("", tmp_path))
    model = VisionLanguageModel.of(run.model, schedule.tokenizer, schedule.geometry)
    arguments = (8, DeviceCPU(), Precision.FP32, ParallelConfig(), tmp_path)
    search(model, schedule, *arguments)
    tried: list[int] = []
    monkeypatch.setattr(microbatch_search, "_try", lambda *given: tried.append(given[2]) or 1.0)
    search(model, schedule, *arguments)
    assert not tried, "remembered"
    if what == "gpu":
        monkeypatch.setattr(microbatch_search, "_hardware", lambda device: "NVIDIA B300, 1 byte")
    elif what == "recompute":
        for block in model.decoder.layers:
            block.recompute = True
    elif what == "encoder":
        encoder = {**ranks.MODEL["encoder"], "width": 16}
        other = RunConfig.model_validate(ranks.settings("", tmp_path, model={**ranks.MODEL, "encoder": encoder}))
        model = VisionLanguageModel.of(other.model, schedule.tokenizer, schedule.geometry)
    elif what == "frozen":
        next(model.parameters()).requires_grad_(False)
    else:
        schedule = schedule.model_copy(update={"seq_len": 64})
    search(model, schedule, *arguments)
    assert tried == [1, 2, 4, 8]


def test_what_does_not_fit_is_not_chosen(tmp_path, monkeypatch):
    schedule = synthetic.schedule(tmp_path)
    run = RunConfig.model_validate(ranks.settings("", tmp_path))
    model = VisionLanguageModel.of(run.model, schedule.tokenizer, schedule.geometry)
    sound = VisionLanguageModel.forward
    tried = []

    def forward(self, batch):
        tried.append(batch["input_ids"].shape[0])
        if tried[-1] > 2:
            torch.empty(1 << 60)  # what a row too many leads to
        return sound(self, batch)

    monkeypatch.setattr(VisionLanguageModel, "forward", forward)
    found = search(model, schedule, 7, DeviceCPU(), Precision.FP32, ParallelConfig(), tmp_path)
    assert found.microbatch in (1, 2)
    assert found.used
    assert tried == [1, 1, 2, 2, 4]
    assert all(p.grad is None for p in model.parameters())


def test_where_nothing_fits_nothing_is_remembered(tmp_path, monkeypatch):
    schedule = synthetic.schedule(tmp_path)
    run = RunConfig.model_validate(ranks.settings("", tmp_path))
    model = VisionLanguageModel.of(run.model, schedule.tokenizer, schedule.geometry)
    monkeypatch.setattr(VisionLanguageModel, "forward", lambda self, batch: torch.empty(1 << 60))
    found = search(model, schedule, 8, DeviceCPU(), Precision.FP32, ParallelConfig(), tmp_path)
    assert found == (1, True)
    assert not (tmp_path / "microbatch.json").exists()


def test_ddp_needs_room_for_its_buckets(tmp_path, monkeypatch):
    schedule = synthetic.schedule(tmp_path)
    run = RunConfig.model_validate(ranks.settings("", tmp_path))
    model = VisionLanguageModel.of(run.model, schedule.tokenizer, schedule.geometry)
    model.decoder.embed_tokens.requires_grad_(False)
    one = 4 * sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert microbatch_search._allocated_later(model, ParallelConfig()) == 2 * one, "a rank alone has no buckets"
    monkeypatch.setattr(microbatch_search.dist, "get_world_size", lambda: 2)
    assert microbatch_search._allocated_later(model, ParallelConfig()) == 3 * one
    assert microbatch_search._allocated_later(model, ParallelConfig(strategy="fsdp")) == 3 * one
    each = ParallelConfig(strategy="fsdp", reduce_every_microbatch=True)
    assert microbatch_search._allocated_later(model, each) == 2 * one


def test_a_sharded_run_trains_on_after_a_size_that_does_not_fit(tmp_path, monkeypatch, group):
    schedule = synthetic.schedule(tmp_path, lengths=(16, 8, 8))
    run = RunConfig.model_validate(
        ranks.settings("", tmp_path / "out", microbatch="auto", parallel={"strategy": "fsdp"})
    )
    run.out.mkdir()
    sound = Block._forward

    def forward(self, x, *rest):
        if x.shape[0] > 2:
            torch.empty(1 << 60)
        return sound(self, x, *rest)

    monkeypatch.setattr(Block, "_forward", forward)
    fit(run, schedule, DeviceCPU())
    assert len(list(steps(run.out / "metrics.jsonl"))) == 4
    assert json.loads((run.out / "microbatch.json").read_text())["microbatch"] in (1, 2)


def test_the_largest_rows_are_full_of_images(tmp_path):
    batch = largest_batch(synthetic.schedule(tmp_path), 2)
    assert batch["pixels"].shape[0] == 2 * (32 // 4)
    assert batch["loss_index"].numel() == 64


@pytest.mark.parametrize("wrong", [0, "automatic", 1.5])
def test_other_values_are_refused(wrong):
    with pytest.raises(ValueError, match="microbatch"):
        RunConfig.model_validate(ranks.settings("s", "o", microbatch=wrong))
