"""One report names everything that is wrong with a run's files."""

import shutil

import pytest
from composer.devices import DeviceCPU

from switchpoint.__main__ import main
from tests.helpers import ranks, synthetic
from train.checkpoint import folder
from train.checkpoint.remote_store import RemoteStore
from train.config.run_config import RunConfig
from train.run.launch import fit
from train.run.soundness import problems


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    schedule = synthetic.schedule(root, lengths=(16, 8, 8))
    fit(RunConfig.model_validate(ranks.settings("", root / "out")), schedule, DeviceCPU())
    return root / "out"


def test_a_sound_run_has_none(whole, capsys):
    assert list(problems(whole)) == []
    assert main(["verify", str(whole)]) == 0
    said = capsys.readouterr().out
    assert "checkpoints, logs and remote are what was written" in said
    assert "proven: every sample is the schedule's" in said


def test_all_that_is_wrong_is_named_and_nothing_is_changed(whole, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(whole, out)
    first, second, _ = folder.complete(out / "checkpoints")
    (first / "model.safetensors").write_bytes((second / "model.safetensors").read_bytes())
    (second / "state.json").write_bytes((second / "state.json").read_bytes()[:-9])
    log = out / "metrics.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:3]))
    (out / "changes.jsonl").write_text("{}\n")
    (out / "faults.jsonl").write_text("none\n")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    found = list(problems(out))
    wanted = [
        "model.safetensors is not the file",
        "state.json is no JSON",
        "changes.jsonl:1",
        "faults.jsonl:1",
        "ends at sample 24",
    ]
    assert len(found) == len(wanted)
    assert all(part in line for part, line in zip(wanted, found, strict=True)), found
    assert main(["verify", str(out)]) == 1
    assert "faults.jsonl:1: not a fault" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_the_remote_is_part_of_it(s3_client, s3_bucket, tmp_path):
    uri = f"s3://{s3_bucket}/run"
    run = RunConfig.model_validate(ranks.settings("", tmp_path / "out", checkpoint={"remote": uri}))
    fit(run, synthetic.schedule(tmp_path, lengths=(16, 8, 8)), DeviceCPU())
    assert list(problems(run.out)) == []
    RemoteStore(uri).withdraw(folder.find(run.out).name)
    s3_client.put_object(Bucket=s3_bucket, Key=f"run/{16:015d}/state.json", Body=b"{}")
    lacks, damaged = problems(run.out)
    assert f"lacks the newest checkpoint, {32:015d}" in lacks
    assert f"run/{16:015d}: this checkpoint is damaged" in damaged
