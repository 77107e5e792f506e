"""Checkpoints and remotes are a run's own: another run is refused with both names, the same one goes on anywhere."""

import shutil

import pytest
from composer.devices import DeviceCPU

from common.errors import InputError
from tests.helpers import ranks, synthetic
from train.checkpoint import folder, identity, state
from train.checkpoint.remote_store import RemoteStore
from train.checkpoint.upload_queue import Uploads
from train.config.run_config import RunConfig
from train.run.launch import fit
from train.run.trainer import build_trainer


def config(out, remote: str | None = None, **changes) -> RunConfig:
    saved = {"every": 1, "keep": 9, "remote": remote}
    return RunConfig.model_validate(ranks.settings("", out, checkpoint=saved, **changes))


def test_another_experiment_is_refused_at_a_shared_remote(s3_client, s3_bucket, tmp_path):
    schedule, uri = synthetic.schedule(tmp_path, lengths=(16, 8, 8)), f"s3://{s3_bucket}/shared"
    first = config(tmp_path / "first", uri)
    fit(first, schedule, DeviceCPU())
    both = r"shared: belongs to the run '.*first' \([0-9a-f]{8}\), not to '.*second'; give this run"
    others = [
        (config(tmp_path / "second", uri, seed=18), schedule),
        (config(tmp_path / "second", uri, optimizer={"clip": 0.5}), schedule),
        (config(tmp_path / "second", uri), synthetic.schedule(tmp_path, lengths=(16, 8, 16))),
    ]
    for run, planned in others:
        with pytest.raises(InputError, match=both):
            build_trainer(run, planned, DeviceCPU())
        assert not (run.out / "checkpoints").exists()
    # One that has begun elsewhere is refused too, and would not upload.
    begun = config(tmp_path / "second", seed=18)
    fit(begun, schedule, DeviceCPU())
    with pytest.raises(InputError, match=both):
        build_trainer(config(tmp_path / "second", uri, seed=18), schedule, DeviceCPU())
    uploads = Uploads(RemoteStore(uri), begun.out, 9)
    with pytest.raises(InputError, match=both):
        uploads._bring_up_to_date()
    # The run itself goes on from any disk, under its own `out` or, with nothing else changed, another.
    shutil.rmtree(first.out)
    for out in (first.out, tmp_path / "third"):
        assert build_trainer(config(out, uri), schedule, DeviceCPU()) is None, "at its end"
        assert identity.own(out) == RemoteStore(uri).identity()


def test_another_runs_checkpoint_is_refused_in_out(tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(16, 8, 8))
    runs = [config(tmp_path / name, seed=seed) for name, seed in (("first", 1), ("second", 2))]
    for run in runs:
        fit(run, schedule, DeviceCPU())
    last = folder.find(runs[1].out)
    shutil.rmtree(last)
    shutil.copytree(folder.find(runs[0].out), last)
    with pytest.raises(InputError, match=rf"{last.name}: belongs to the run '.*first' .*, not to '.*second'"):
        build_trainer(runs[1], schedule, DeviceCPU())


def test_a_run_keeps_its_identity_wherever_it_moves(tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(16, 8, 8))
    run = config(tmp_path / "first")
    fit(run, schedule, DeviceCPU())
    before = identity.own(run.out)
    shutil.move(run.out, tmp_path / "moved")
    moved = config(tmp_path / "moved")
    shutil.rmtree(folder.find(moved.out))
    (moved.out / "run.json").unlink()
    fit(moved, schedule, DeviceCPU())
    assert before == identity.own(moved.out) == state.read(folder.find(moved.out)).identity
    branch = config(tmp_path / "branch", branch_from=str(moved.out / "checkpoints" / f"{16:015d}"))
    fit(branch, schedule, DeviceCPU())
    assert identity.own(branch.out) != before


def test_a_damaged_identity_is_named(tmp_path):
    (tmp_path / "run.json").write_text('{"id"')
    with pytest.raises(InputError, match=r"run.json: says of no run which it is; copy the file again"):
        identity.own(tmp_path)
