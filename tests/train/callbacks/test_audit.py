"""Runs are compared with their schedule while they go, logged by source, and proven afterwards by a command."""

import json

import pytest
from composer.devices import DeviceCPU
from composer.loggers import InMemoryLogger

from common import json_lines
from schemas.schedule import Schedule
from tests.helpers import synthetic
from train.__main__ import main
from train.callbacks.audit import AuditError
from train.config.run_config import RunConfig
from train.loader.rank_share import Share
from train.run.launch import fit

MODEL = {
    "decoder": {"width": 16, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 8, "mlp_width": 24},
    "encoder": {"width": 8},
}


def run_in(folder, schedule: Schedule) -> RunConfig:
    settings = {"schedule": folder / "s.json", "out": folder / "out", "model": MODEL, "microbatch": 4}
    run = RunConfig.model_validate({**settings, "checkpoint": {"every": 4}, "cache": folder / "cache"})
    run.out.mkdir(parents=True, exist_ok=True)
    schedule.save(run.schedule)
    return run


def test_a_run_is_logged_and_proven(tmp_path, monkeypatch, capsys):
    schedule, memory = synthetic.schedule(tmp_path, lengths=(24, 24, 16)), InMemoryLogger()
    run = run_in(tmp_path, schedule)
    monkeypatch.setattr("train.run.trainer.build_loggers", lambda config: [memory])
    fit(run, schedule, DeviceCPU())

    last = {name: values[-1][1] for name, values in memory.data.items() if name.startswith("sources/")}
    counts = schedule.counts(64)
    for source in schedule.sources:
        assert last[f"sources/{source.name}/samples"] == counts[source.name]
        assert last[f"sources/{source.name}/tokens"] == counts[source.name] * schedule.seq_len
        assert last[f"sources/{source.name}/passes"] == counts[source.name] / source.samples
        assert last[f"sources/{source.name}/loss"] > 0

    assert main(["audit", str(run.out)]) == 0
    said = capsys.readouterr().out
    assert said.count("proven: every sample is the schedule's, in its place") == 2  # the checkpoint, and the log
    assert "8 steps, 64 samples" in said

    log = run.out / "metrics.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    fourth = {**json.loads(json_lines.opened(lines[3])), "digest": f"{1:016x}"}
    log.write_bytes(b"".join([*lines[:3], json_lines.line(json.dumps(fourth)).encode(), *lines[4:]]))
    assert main(["audit", str(log), "--schedule", str(run.schedule)]) == 1
    assert "NOT what the schedule says: step 4: it read other samples than the schedule's 24" in capsys.readouterr().out

    other = synthetic.schedule(tmp_path, lengths=(24, 24, 16), pairs_share=200_000_000)
    other.save(tmp_path / "other.json")
    newest = sorted((run.out / "checkpoints").iterdir())[-1]
    assert main(["audit", str(newest), "--schedule", str(tmp_path / "other.json")]) == 1
    assert "its past, before sample 64, is not this schedule's" in capsys.readouterr().out


def test_another_sample_of_the_right_source_stops_the_run(tmp_path, monkeypatch):
    """Counts cannot tell; the digest does."""
    schedule = synthetic.schedule(tmp_path, lengths=(24, 24, 16))
    right, one, other = Share.rows, schedule.sample(19), schedule.sample(3)

    def shifted(self, lookup):
        for drawn in right(self, lookup):
            yield drawn._replace(sample=other[1]) if drawn[1:] == one else drawn  # one text sample for another

    monkeypatch.setattr(Share, "rows", shifted)
    with pytest.raises(AuditError, match="step 3, from sample 16: the counts of each source are right, but not the"):
        fit(run_in(tmp_path, schedule), schedule, DeviceCPU())
