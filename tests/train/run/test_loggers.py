"""Loggers receive what metrics.jsonl holds, in real runs; one that is missing, or asked for something else, says so."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from schemas.run_log import Step, steps
from tests.helpers import ranks, small_runs, synthetic
from train.config.run_config import LoggersConfig, RunConfig
from train.run.loggers import build_loggers

NAMES = ("loss", "lr", "gradient_norm", "tokens_per_second")


def train(root: Path, loggers: dict[str, Any]) -> list[Step]:
    run = RunConfig.model_validate(ranks.settings("", root / "out", loggers=loggers))
    small_runs.train(run, synthetic.schedule(root, lengths=(32, 8, 8)))
    return list(steps(run.out / "metrics.jsonl"))


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = train(tmp_path, {"tensorboard": str(tmp_path / "board")})
    events = [path.parent for path in (tmp_path / "board").rglob("events.out.tfevents.*")]
    assert len(set(events)) == 1
    board = EventAccumulator(str(events[0]))
    board.Reload()
    for name in NAMES:
        curve = board.Scalars(f"step/{name}")
        assert [event.value for event in curve] == pytest.approx([getattr(step, name) for step in found], rel=1e-6)
        assert len({event.step for event in curve}) == len(found), "a point for each step"
    drawn = board.Scalars("sources/text/samples")
    assert [event.value for event in drawn] == [step.samples["text"] for step in found]


def test_mlflow(tmp_path):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed; its logger has not been run here")
    place = (tmp_path / "mlruns").as_uri()
    found = train(tmp_path, {"mlflow": {"experiment_name": "test", "tracking_uri": place, "log_system_metrics": False}})
    client = mlflow.tracking.MlflowClient(tracking_uri=place)
    experiment = client.get_experiment_by_name("test")
    (run,) = client.search_runs([experiment.experiment_id])
    for name in NAMES:
        curve = client.get_metric_history(run.info.run_id, f"step/{name}")
        assert [point.value for point in curve] == pytest.approx([getattr(step, name) for step in found])


def test_a_logger_without_its_package_says_so(tmp_path):
    assert build_loggers(LoggersConfig()) == []
    if importlib.util.find_spec("mlflow") is None:
        with pytest.raises(InputError, match=r"loggers.mlflow: mlflow is not installed; pip install mlflow"):
            build_loggers(LoggersConfig(mlflow={"tracking_uri": str(tmp_path)}))
    with pytest.raises(InputError, match=r"loggers.wandb: .*unexpected keyword argument 'projekt'"):
        build_loggers(LoggersConfig(wandb={"projekt": "x"}))
