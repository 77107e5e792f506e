"""Whatever is changed in a checkpoint is found before it is used; old checkpoints stay readable."""

import argparse
import json
import shutil
from pathlib import Path

import pytest
import torch
from composer.devices import DeviceCPU
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from common.errors import InputError
from tests.helpers import checkpoints, ranks, small_runs, synthetic
from tests.helpers.small_runs import facts
from train.checkpoint import digests, folder, state
from train.checkpoint.digests import DamagedError
from train.checkpoint.remote_store import RemoteStore
from train.commands import audit
from train.config.run_config import RunConfig
from train.evaluation.scored_model import open_subject
from train.export.hugging_face_model import load
from train.run.launch import fit
from train.run.trainer import build_trainer


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    schedule = synthetic.schedule(root, lengths=(16, 8, 8))
    run = config(root / "out")
    small_runs.train(run, schedule)
    return run, schedule


def config(out: Path, **checkpoint: object) -> RunConfig:
    return RunConfig.model_validate(ranks.settings("", out, checkpoint={"every": 1, "keep": 9, **checkpoint}))


def copied(whole, out: Path, upto: int = 24, **checkpoint: object) -> RunConfig:
    """The run as it stood after the checkpoint at `upto`."""
    shutil.copytree(whole[0].out, out)
    for path in folder.complete(out / "checkpoints"):
        if int(path.name) > upto:
            shutil.rmtree(path)
    return config(out, **checkpoint)


def zeroed(path: Path) -> None:
    tensors = load_file(path / "model.safetensors")
    save_file({**tensors, "decoder.norm.weight": torch.zeros(16)}, path / "model.safetensors")


def without_moments(path: Path) -> None:
    save_file({}, path / "optimizer.safetensors")


def mixed(path: Path) -> None:
    shutil.copy(path.with_name(f"{8:015d}") / "model.safetensors", path)


def unscheduled(path: Path) -> None:
    (path / "schedule.json").unlink()


def moved_on(path: Path) -> None:
    said = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(json.dumps({**said, "tokens": said["tokens"] + 1}))


def under_another_name(path: Path) -> None:
    shutil.rmtree(path)
    shutil.copytree(path.with_name(f"{8:015d}"), path)


@pytest.mark.parametrize("change", [zeroed, without_moments, mixed, unscheduled, moved_on, under_another_name])
def test_a_changed_checkpoint_is_named_and_not_used(whole, tmp_path, change):
    run = copied(whole, tmp_path / "out")
    change(folder.find(run.out))
    with pytest.raises(InputError, match=rf"{24:015d}: this checkpoint is damaged: .*`checkpoint.damaged: go_back`"):
        build_trainer(run, whole[1], DeviceCPU())
    assert folder.find(run.out).name == f"{24:015d}", "left where it is"


def test_the_one_before_it_is_taken_if_the_user_says_so(whole, tmp_path, capfd):
    run = copied(whole, tmp_path / "out", damaged="go_back")
    zeroed(folder.find(run.out))
    mixed(run.out / "checkpoints" / f"{16:015d}")
    fit(run, whole[1], DeviceCPU())
    said = capfd.readouterr().err
    assert f"{24:015d}): going back to the one before it" in said
    assert f"{16:015d}): going back to the one before it" in said
    names = {path.name for path in (run.out / "checkpoints").iterdir()}
    assert {f"{24:015d}.damaged", f"{24:015d}", f"{16:015d}.damaged", f"{16:015d}"} <= names
    assert facts(whole[0].out) == facts(run.out)


@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_found_or_changes_nothing(whole, tmp_path, data):
    """Each bit of each file: either refused in one line, or the state reads as before."""
    source = folder.find(whole[0].out)
    path = tmp_path / source.name
    if not path.exists():
        shutil.copytree(source, path)
    name = data.draw(st.sampled_from(sorted(file.name for file in source.iterdir())))
    content = bytearray((source / name).read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    (path / name).write_bytes(content)
    try:
        digests.check(path)
        found = state.read(path)
    except InputError:
        pass
    else:
        assert name == "state.json", f"bit {bit} of {name}"
        assert found == state.read(source)
    (path / name).write_bytes((source / name).read_bytes())


def test_exports_evaluation_and_audit_check_too(tmp_path):
    out = checkpoints.checkpoint(tmp_path)
    path = folder.find(out)
    weights = bytearray((path / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (path / "model.safetensors").write_bytes(weights)
    for use in (load, open_subject, _audit):
        with pytest.raises(DamagedError, match=r"model.safetensors is not the file that was saved"):
            use(out)


def _audit(out: Path) -> None:
    audit.run(argparse.Namespace(what=out, schedule=None))


def test_checkpoints_of_older_releases_are_read_unverified(whole, tmp_path, caplog):
    run = copied(whole, tmp_path / "out")
    for path in folder.complete(run.out / "checkpoints"):
        said = json.loads((path / "state.json").read_text())
        older = {key: value for key, value in said.items() if key not in ("digests", "seal")} | {"version": 1}
        (path / "state.json").write_text(json.dumps(older))
    fit(run, whole[1], DeviceCPU())
    assert "made by an older release, without digests: its content is not verified" in caplog.text
    assert state.read(folder.find(run.out)).version == 2


def test_what_a_remote_holds_is_verified_when_it_is_fetched(whole, s3_client, s3_bucket, tmp_path, capfd):
    remote = RemoteStore(f"s3://{s3_bucket}/run")
    for path in folder.complete(whole[0].out / "checkpoints")[:3]:
        remote.put(path, whole[0].out)
    key = f"run/{24:015d}/optimizer.safetensors"
    s3_client.copy_object(
        Bucket=s3_bucket, Key=key, CopySource={"Bucket": s3_bucket, "Key": f"run/{8:015d}/optimizer.safetensors"}
    )
    run = config(tmp_path / "out", remote=remote.uri)
    with pytest.raises(InputError, match=rf"run/{24:015d}: this checkpoint is damaged: optimizer.safetensors is not"):
        build_trainer(run, whole[1], DeviceCPU())
    assert not (run.out / "checkpoints" / f"{24:015d}").exists()
    assert remote.complete()[-1] == f"{24:015d}"
    fit(config(run.out, remote=remote.uri, damaged="go_back"), whole[1], DeviceCPU())
    assert "going back to the one before it" in capfd.readouterr().err
    remote.get(f"{24:015d}", tmp_path / "again")
    branch = RunConfig.model_validate(ranks.settings("", tmp_path / "b", branch_from=f"{remote.uri}/{16:015d}"))
    s3_client.put_object(Bucket=s3_bucket, Key=f"run/{16:015d}/state.json", Body=b"{}")
    with pytest.raises(InputError, match=rf"run/{16:015d}: this checkpoint is damaged"):
        build_trainer(branch, whole[1], DeviceCPU())
