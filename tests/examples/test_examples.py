"""Runs the scripts of `examples/` as a user would."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from streaming import StreamingDataset

from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.checkpoints import checkpoint
from tests.helpers.commands import ROOT, command_environment
from tests.helpers.stranger import running
from train.checkpoint.folder import find

SCRIPTS = sorted((ROOT / "examples").glob("*.py"))


def run(name: str, *arguments: object, status: int = 0) -> str:
    command = [sys.executable, ROOT / "examples" / name, *map(str, arguments)]
    done = subprocess.run(command, env=command_environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stderr
    return done.stderr if status else done.stdout


def test_every_example_is_short_and_run_here() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    assert len(SCRIPTS) == 4
    for script in SCRIPTS:
        assert len(script.read_text(encoding="utf-8").splitlines()) <= 40, script
        assert f'run("{script.name}"' in here


@pytest.mark.slow
def test_a_document_becomes_a_sample(tmp_path: Path) -> None:
    ids, words = run("document_to_sample.py", tmp_path / "mds").splitlines()
    assert ids == "[1, 2, 3, 4, 5, 6, 1, 7, 8, 9, 10, 8, 4, 11, 2, 0]"
    assert words == "a red circle is left of a blue square and the square is not red"


def test_a_url_becomes_a_sample(tmp_path: Path) -> None:
    with running() as server:
        url = f"http://127.0.0.1:{server.server_port}/good/7"
        assert "127.0.0.1" in run("url_to_sample.py", url, tmp_path / "refused", status=1)
        assert server.requests == [], "nothing is sent to an address that is not allowed"
        printed = run("url_to_sample.py", url, tmp_path / "mds", "127.0.0.1")
    row = StreamingDataset(local=str(tmp_path / "mds"), batch_size=1)[0]
    assert row["url"] == url
    assert printed == f"64 x 48, {len(row['image'])} bytes\n"


@pytest.mark.slow
def test_a_position_becomes_a_tensor(tmp_path: Path) -> None:
    schedule: Schedule = synthetic.schedule(tmp_path)
    schedule.save(tmp_path / "schedule.json")
    printed = run("position_to_tensor.py", tmp_path / "schedule.json", 64, 8, tmp_path / "cache").splitlines()
    sources, samples = schedule.samples(64, 72)
    names = [schedule.sources[source].name for source in sources.tolist()]
    assert printed[:8] == [f"{name} {sample}" for name, sample in zip(names, samples.tolist(), strict=True)]
    assert re.search(rf"'input_ids': \(8, {synthetic.SEQ_LEN}\)", printed[8])


@pytest.mark.slow
def test_a_checkpoint_becomes_an_export(tmp_path: Path) -> None:
    found = find(checkpoint(tmp_path))
    printed = run("checkpoint_to_export.py", found, tmp_path / "hf")
    assert re.fullmatch(r"Qwen3ForCausalLM \[\d+(, \d+){0,3}\]\n", printed)
