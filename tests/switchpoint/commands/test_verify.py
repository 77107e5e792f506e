"""Tests that `verify` looks at what a folder holds: a dataset, a run, all runs of a sweep, or an export."""

import json
import shutil
from pathlib import Path

import pytest

from schemas.schedule import Schedule
from switchpoint.__main__ import main
from tests.helpers import synthetic
from tests.helpers.checkpoints import checkpoint
from tests.helpers.commands import assert_refused
from train.export.export_folder import export

PROVEN = "proven: every sample is the schedule's, in its place"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output directory of a run: a checkpoint at 8, and a log that goes on beyond it."""
    folder = tmp_path_factory.mktemp("finished")
    out = checkpoint(folder)
    steps = synthetic.log(Schedule.load(folder / "schedule.json"), 0, 8)
    (out / "metrics.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in steps))
    return out


def test_a_dataset_is_compared_with_its_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = synthetic.write(tmp_path, "text", 60)
    assert main(["verify", str(dataset)]) == 0
    assert "sound: " in capsys.readouterr().out
    shard = next(dataset.glob("*.mds"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert main(["verify", str(dataset)]) == 1
    assert shard.name in capsys.readouterr().out


def test_a_folder_that_holds_none_of_them(tmp_path: Path) -> None:
    assert_refused(main, ["verify", str(tmp_path)], match="no dataset, run, sweep or export here; name the folder")
    assert_refused(main, ["verify", str(tmp_path / "none")], match="no such folder")
    (tmp_path / "sweep.json").write_text("{}")
    assert_refused(main, ["verify", str(tmp_path)], match="no run of this sweep has begun")


def test_every_run_of_a_sweep_is_checked_and_the_worst_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], finished: Path
) -> None:
    (tmp_path / "sweep.json").write_text("{}")
    for name in ("a", "b"):
        shutil.copytree(finished, tmp_path / "nodes" / name / "out")
    assert main(["verify", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("checkpoints, logs and remote are what was written") == 2
    damaged = next((tmp_path / "nodes/a/out/checkpoints").iterdir()) / "model.safetensors"
    damaged.write_bytes(b"")
    assert main(["verify", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert "model.safetensors is not the file" in said
    assert said.count(PROVEN) == 1, "of the sound one alone it is said what it saw"


def test_an_export_is_compared_with_its_digests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], finished: Path
) -> None:
    folder = tmp_path / "hf"
    export(finished, folder)
    assert main(["verify", str(folder)]) == 0
    count = len(list(folder.iterdir())) - 1
    assert f"{folder}: {count} files are what was exported" in capsys.readouterr().out
    (folder / "README.md").write_text("# Mine")
    assert main(["verify", str(folder)]) == 0
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").unlink()
    capsys.readouterr()
    assert main(["verify", str(folder)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{folder}: config.json is not the file that was saved", f"{folder}: tokenizer.json is missing"]
    file = folder / "switchpoint.json"
    whole = json.loads(file.read_text())
    file.write_text(json.dumps({**whole, "position": 9}))
    assert_refused(main, ["verify", str(folder)], match="damaged: switchpoint.json does not say what was saved")
    file.write_text(json.dumps({key: value for key, value in whole.items() if key not in ("digests", "seal")}))
    assert_refused(main, ["verify", str(folder)], match="by an older release, without digests: .*; export again")
