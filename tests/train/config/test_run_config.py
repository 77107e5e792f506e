"""Tests of `RUN.yaml`: what must be said, what is said by default, and mistakes told with their line."""

from pathlib import Path
from typing import Any

import pytest

from common import yaml_file
from common.errors import InputError
from tests.helpers import ranks, synthetic
from train.config.run_config import RunConfig, read_run


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "run.yaml"
    file.write_text(yaml_file.dump(ranks.settings(folder / "schedule.json", folder / "out", **changes)))
    return file


def test_a_run_and_its_schedule(tmp_path: Path) -> None:
    schedule = synthetic.schedule(tmp_path)
    schedule.save(tmp_path / "schedule.json")
    run, found = read_run(written(tmp_path))
    assert found.hash == schedule.hash
    assert (run.out, run.microbatch, run.global_batch) == (tmp_path / "out", 2, None)
    (tmp_path / "schedule.json").unlink()
    with pytest.raises(InputError, match=r"schedule\.json"):
        read_run(tmp_path / "run.yaml")


def test_a_config_survives_its_own_dump(tmp_path: Path) -> None:
    places = {"branch_from": "s3://bucket/run", "checkpoint": {"remote": "s3://bucket/own"}}
    run = yaml_file.load(written(tmp_path, **places), RunConfig)
    assert run.branch_from == "s3://bucket/run", "as a path it would lose a slash"
    assert RunConfig.model_validate_json(run.model_dump_json()) == run
    assert RunConfig.model_validate({**run.model_dump(), "branch_from": tmp_path}).branch_from == str(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"microbatch": 0}, "microbatch"),
        ({"microbatch": "all"}, "microbatch"),
        ({"global_batch": 0}, "global_batch"),
        ({"precision": "fp16"}, "precision"),
        ({"fp8": True}, "`fp8: true` needs `precision: amp_bf16`"),
        ({"fp8": "yes"}, "fp8"),
        ({"fused_gate": True}, "`fused_gate` needs `compile: true`"),
        ({"fused_gate": True, "compile": True, "fp8": "emulated"}, "does not go with `fp8`"),
        ({"attention": "cudnn"}, "attention"),
        ({"workers": -1}, "workers"),
        ({"seeds": 3}, "seeds: unknown key; did you mean 'seed'"),
        ({"checkpoint": {"every": 0}}, "every"),
        ({"checkpoint": {"damaged": "ignore"}}, "damaged"),
        ({"evaluation": {"sources": {}}}, "sources"),
        ({"model": {}}, "give exactly one of `size` and `decoder`"),
    ],
)
def test_mistakes_name_their_line(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"run\.yaml:\d+: .*{message}"):
        yaml_file.load(written(tmp_path, **changes), RunConfig)


@pytest.mark.parametrize("lost", ["schedule", "out", "model", "microbatch"])
def test_what_has_no_default_must_be_said(tmp_path: Path, lost: str) -> None:
    file = written(tmp_path)
    settings, _ = yaml_file.compose(str(file))
    file.write_text(yaml_file.dump({key: value for key, value in settings.items() if key != lost}))
    with pytest.raises(InputError, match=lost):
        yaml_file.load(file, RunConfig)


@pytest.mark.parametrize(
    ("out", "name"), [("runs/79m", "79m"), ("sweep/nodes/a1b2/out", "a1b2"), ("out", "out"), ("/out", "out")]
)
def test_nodes_of_a_sweep_have_names_of_their_own_in_loggers(out: str, name: str) -> None:
    assert RunConfig.model_validate(ranks.settings(Path("schedule.json"), Path(out))).name == name
