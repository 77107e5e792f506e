"""Held-out loss is the mean over a dataset's tokens, at the schedule's points, and does not disturb the run."""

import json

import pytest
import torch

from tests.helpers import ranks, small_runs, synthetic
from tests.helpers.small_runs import facts
from train.checkpoint import folder, load
from train.config.run_config import RunConfig
from train.loader.held_out import HeldOut
from train.loader.rows.collate import collate
from train.models.vlm import VisionLanguageModel


@pytest.mark.soak
def test_a_row_that_the_second_rank_alone_reads_is_named(tmp_path):
    """Late in the run: the others wait for it in a collective, and rank 0 has nothing to say."""
    synthetic.schedule(tmp_path, lengths=(16, 8, 8)).save(tmp_path / "schedule.json")
    held = synthetic.write(tmp_path / "held", "text", 2, shard_bytes=280)
    shards = sorted(held.glob("shard.*.mds"))
    assert len(shards) == 2
    whole = shards[1].read_bytes()
    shards[1].write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    run = ranks.settings(tmp_path / "schedule.json", tmp_path / "out", evaluation={"sources": {"text": str(held)}})
    process = ranks.start(run, 2)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 2, output
    (line,) = [line for line in output.splitlines() if line.startswith("error:")]
    assert shards[1].name in line
    assert "Traceback" not in output


def test_losses_at_the_schedules_points(tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(32, 16, 16))
    phases = [p.model_copy(update={"evaluate_at": [16] if p.name == "text" else []}) for p in schedule.phases]
    schedule = schedule.model_copy(update={"phases": phases})
    held_out = {kind: synthetic.write(tmp_path / "held", kind, 10, seed=5) for kind in ("text", "pairs")}
    logs = []
    for name in ("with", "without"):
        evaluation = {"sources": held_out, "rows": 7} if name == "with" else None
        run = RunConfig.model_validate(ranks.settings("", tmp_path / name, evaluation=evaluation))
        small_runs.train(run, schedule)
        logs.append(facts(run.out))
    assert logs[0] == logs[1]
    lines = [json.loads(line) for line in (tmp_path / "with/held_out.jsonl").read_text().splitlines()]
    assert [line["position"] for line in lines] == [16, 64]

    model = VisionLanguageModel.of(run.model, schedule.tokenizer, schedule.geometry)
    load.load_weights(folder.find(tmp_path / "with"), model)
    for kind, path in held_out.items():
        source = HeldOut(path, schedule.tokenizer, schedule.geometry, limit=7)
        batch = collate([source.row(number) for number in range(7)])
        with torch.no_grad():
            nll = model.eval()(batch).nll
        assert lines[-1]["tokens"][kind] == nll.numel()
        assert lines[-1]["loss"][kind] == pytest.approx(float(nll.mean()), rel=1e-5)
        ranked = [[b["loss_index"].numel() for b in source.batches(2, rank, 3)] for rank in range(3)]
        assert [len(batches) for batches in ranked] == [2, 2, 2], "every rank runs equally often"
        assert sum(map(sum, ranked)) == nll.numel()
