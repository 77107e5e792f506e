"""Uploads to an S3 server that stops answering: training goes on, leaving is bounded, a kill leaves no half copy."""

import contextlib
import os
import shutil
import signal
import time

import psutil
import pytest
from composer.core import Callback
from composer.devices import DeviceCPU

from tests.helpers import ranks, small_runs, synthetic
from tests.helpers.gate import gate_before
from tests.helpers.small_runs import facts, train_with
from train.callbacks.graceful_stop import AskedToLeave
from train.checkpoint import folder as checkpoint_folder
from train.checkpoint import state as checkpoint_state
from train.checkpoint.remote_store import RemoteStore
from train.config.run_config import RunConfig
from train.run.launch import fit


@pytest.fixture
def gate(s3_client, monkeypatch):
    with gate_before(s3_client.meta.endpoint_url) as one:
        for name in ("AWS_ENDPOINT_URL", "S3_ENDPOINT_URL"):
            monkeypatch.setenv(name, one.url)
        yield one


def settings(out, bucket: str, schedule: str = "", **saved):
    saved = {"every": 2, "keep": 1, "remote": f"s3://{bucket}/run", **saved}
    return ranks.settings(schedule, out, checkpoint=saved)


def names(*positions: int) -> list[str]:
    return [f"{position:015d}" for position in positions]


def uploading(process: psutil.Process) -> list[psutil.Process]:
    """The processes below `process` that upload; others may come and go, or be zombies of earlier tests."""
    found = []
    for child in process.children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [child] if any("train.checkpoint.upload_process" in part for part in child.cmdline()) else []
    return found


class Watcher(Callback):
    """Waits in the third step for the upload of the second's checkpoint to be held; lets it go in the sixth."""

    def __init__(self, gate, folder) -> None:
        self.gate, self.folder = gate, folder
        self.seen: dict[int, list[str]] = {}

    def batch_start(self, state, logger) -> None:
        step = int(state.timestamp.batch)
        if step == 2:
            assert self.gate.held.wait(120)
            (self.upload,) = uploading(psutil.Process())
            for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
                self.upload.send_signal(number)
        if step == 5:
            assert self.upload.status() != psutil.STATUS_ZOMBIE, "a scheduler's signal to the whole job does not end it"
            for _ in range(1200):  # a checkpoint is written beside the steps, so this step may be first
                self.seen[step] = [path.name for path in checkpoint_folder.complete(self.folder)]
                if len(self.seen[step]) > 1:
                    break
                time.sleep(0.1)
            self.gate.release()


def test_training_goes_on_while_an_upload_hangs(gate, s3_bucket, tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(64, 8, 8))
    run = RunConfig.model_validate(settings(tmp_path / "out", s3_bucket))
    gate.hold(f"{names(16)[0]}/optimizer")
    watcher = Watcher(gate, run.out / "checkpoints")
    train_with(run, schedule, watcher)
    assert watcher.seen == {5: names(16, 32)}, "the second checkpoint was pruned only after its upload"
    assert [path.name for path in checkpoint_folder.complete(run.out / "checkpoints")] == names(48, 64, 72, 80)
    assert RemoteStore(f"s3://{s3_bucket}/run").complete() == names(48, 64, 72, 80)


class Scheduler(Callback):
    """Wants the node back in step `step`."""

    def __init__(self, step: int) -> None:
        self.step = step

    def batch_start(self, state, logger) -> None:
        if int(state.timestamp.batch) == self.step - 1:
            os.kill(os.getpid(), signal.SIGTERM)


def test_who_is_asked_to_leave_does_not_wait_for_ever(gate, s3_client, s3_bucket, tmp_path, capfd):
    schedule = synthetic.schedule(tmp_path, lengths=(32, 8, 8))
    run = RunConfig.model_validate(settings(tmp_path / "out", s3_bucket, remote_wait=2))
    gate.hold("state.json")
    with pytest.raises(AskedToLeave):
        train_with(run, schedule, Scheduler(2))
    said = capfd.readouterr().err
    assert "warning: s3://" in said
    assert "on disk only (the upload was not over after 2 s); mend that and start the same command again" in said
    assert not uploading(psutil.Process())
    assert checkpoint_state.read(checkpoint_folder.find(run.out)).position == 16
    gate.release()
    assert RemoteStore(f"s3://{s3_bucket}/run").complete() == []
    fit(RunConfig.model_validate(settings(run.out, s3_bucket)), schedule, DeviceCPU())
    assert RemoteStore(f"s3://{s3_bucket}/run").complete() == names(16, 32, 40, 48)


@pytest.mark.soak
def test_killed_in_the_middle_of_an_upload(gate, s3_client, s3_bucket, tmp_path):
    """The run and what uploads for it die together; the half copy is none; another disk goes on from the last whole."""
    schedule = synthetic.schedule(tmp_path, lengths=(48, 16, 16))
    schedule.save(tmp_path / "s.json")
    whole = RunConfig.model_validate(ranks.settings("", tmp_path / "whole"))
    small_runs.train(whole, schedule)

    first = RunConfig.model_validate(settings(tmp_path / "first", s3_bucket, every=99))
    with pytest.raises(AskedToLeave):
        train_with(first, schedule, Scheduler(4))
    gate.hold(f"{names(48)[0]}/state.json")
    process = ranks.start(settings(first.out, s3_bucket, str(tmp_path / "s.json"), every=99), 1)
    try:
        while not gate.held.wait(0.1):
            assert process.poll() is None, process.communicate()[0]
        (rank,) = (p for p in psutil.Process(process.pid).children() if any("main.py" in part for part in p.cmdline()))
        uploads = uploading(rank)
        assert len(uploads) == 1
        rank.kill()
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode != 0, output
    _, alive = psutil.wait_procs(uploads, timeout=60)
    assert not alive
    gate.release()
    remote = RemoteStore(f"s3://{s3_bucket}/run")
    assert remote.complete() == names(32)
    keys = [entry["Key"] for entry in s3_client.list_objects_v2(Bucket=s3_bucket, Prefix="run/")["Contents"]]
    assert f"run/{names(48)[0]}/optimizer.safetensors" in keys, "it was in the middle"

    shutil.rmtree(first.out)
    elsewhere = RunConfig.model_validate(settings(tmp_path / "second", s3_bucket, every=99))
    small_runs.train(elsewhere, schedule)
    assert facts(elsewhere.out) == facts(whole.out)
    last = [checkpoint_folder.find(out) for out in (whole.out, elsewhere.out)]
    for file in ("model.safetensors", "optimizer.safetensors"):
        assert (last[0] / file).read_bytes() == (last[1] / file).read_bytes()
    assert remote.complete()[-1] == names(80)[0]


def test_parts_of_killed_uploads_are_given_up(s3_client, s3_bucket):
    for key in ("run/1/model.safetensors", "other/1/model.safetensors"):
        s3_client.create_multipart_upload(Bucket=s3_bucket, Key=key)
    RemoteStore(f"s3://{s3_bucket}/run").sweep()
    (left,) = s3_client.list_multipart_uploads(Bucket=s3_bucket)["Uploads"]
    assert left["Key"] == "other/1/model.safetensors"
