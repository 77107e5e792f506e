"""`train sweep`: trunks before branches, once each; a killed or failed call goes on."""

import json
from pathlib import Path

import pytest
import yaml

from schemas.errors import InputError
from schemas.exclusive import exclusive
from schemas.run_log import steps
from tests.train import synthetic
from tests.train.checkpoints import PATCH, SHAPE
from train import checkpoint
from train.sweep import Stretch, longest, read, work

SMALL = {**SHAPE, "width": 16, "head_width": 4, "heads": 4, "mlp_width": 24, "layers": 1}


@pytest.fixture
def sweep(tmp_path) -> Path:
    """A trunk of 48 samples with two branches: the synthetic schedule to 64, and to 80 samples."""
    schedule = synthetic.schedule(tmp_path)
    nodes = []
    for name, parent, stop in (("trunk", None, 48), ("short", "trunk", 64), ("long", "trunk", 80)):
        folder = tmp_path / "sweep/nodes" / name
        folder.mkdir(parents=True)
        schedule.cut(stop).save(folder / "schedule.json")
        run = {
            "schedule": str(folder / "schedule.json"), "out": str(folder / "out"), "microbatch": 4,
            "model": {"decoder": SMALL, "encoder": PATCH}, "checkpoint": {"every": 4},
        }  # fmt: skip
        if parent:
            run["branch_from"] = str(tmp_path / "sweep/nodes" / parent / "out")
        (folder / "run.yaml").write_text(yaml.safe_dump(run))
        nodes.append({"id": name, "parent": parent, "ends": [name] if parent else [], "tokens": stop})
    (tmp_path / "sweep/sweep.json").write_text(json.dumps({"nodes": nodes}))
    return tmp_path / "sweep"


@pytest.mark.slow
def test_trunks_first_and_once(sweep, capsys):
    broken = sweep / "nodes/long/run.yaml"
    whole = broken.read_text()
    broken.write_text(whole.replace("microbatch: 4", "microbatch: none"))
    with pytest.raises(InputError, match=r"long/run.yaml:\d+: microbatch"):
        work(sweep, workers=1, threads=1)
    assert (sweep / "nodes/short/done").exists()
    trunk = checkpoint.complete(sweep / "nodes/trunk/out/checkpoints")
    broken.write_text(whole)
    work(sweep, workers=1, threads=1)
    assert "2 of 3 stretches are done already" in capsys.readouterr().err
    assert checkpoint.complete(sweep / "nodes/trunk/out/checkpoints") == trunk
    for name, first, last in (("short", 56, 64), ("long", 56, 80)):
        log = list(steps(sweep / "nodes" / name / "out/metrics.jsonl"))
        assert (log[0].position, log[-1].position) == (first, last)
        assert sum(log[-1].samples.values()) == last


def test_the_longest_way_ahead():
    rows = [("a", None, 5), ("b", None, 9), ("c", "a", 1), ("d", "a", 2), ("e", "d", 7), ("f", "b", 1)]
    stretches = [Stretch(name, parent, False, tokens) for name, parent, tokens in rows]
    assert longest(stretches) == {"a": 14, "b": 10, "c": 1, "d": 9, "e": 7, "f": 1}


def test_one_at_a_time(sweep):
    with exclusive(sweep / ".lock", "test"), pytest.raises(InputError, match="another training of the sweep runs"):
        work(sweep)


def test_bad_sweeps(tmp_path):
    with pytest.raises(InputError, match="no sweep here"):
        read(tmp_path)
    (tmp_path / "sweep.json").write_text('{"nodes": [{"id": "a", "parent": null, "ends": [], "tokens": 1}]}')
    with pytest.raises(InputError, match=r"no run\.yaml here"):
        read(tmp_path)
