"""Checkpoints in an S3 API server (loopback): copied, pruned, gone on from with an empty disk; and when it fails."""

import pytest
from composer.core import Callback
from composer.devices import DeviceCPU

from schemas.errors import InputError
from schemas.run_log import steps
from tests.train import ranks, synthetic
from train import checkpoint
from train.config import RunConfig
from train.launch import fit
from train.remote import RemoteStore
from train.trainer import build_trainer


def config(out, bucket: str) -> RunConfig:
    saved = {"every": 2, "keep": 1, "remote": f"s3://{bucket}/study/a"}
    return RunConfig.model_validate(ranks.settings("", out, checkpoint=saved))


def train(run, schedule) -> list[dict[str, object]]:
    run.out.mkdir(parents=True, exist_ok=True)
    fit(run, schedule, DeviceCPU())
    return [s.model_dump(exclude={"seconds", "tokens_per_second"}) for s in steps(run.out / "metrics.jsonl")]


def test_a_run_on_an_empty_disk_goes_on_from_the_remote(s3_client, s3_bucket, tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(48, 16, 16))
    run = config(tmp_path / "first", s3_bucket)
    whole = train(run, schedule)
    remote = RemoteStore(f"s3://{s3_bucket}/study/a")
    local = [path.name for path in checkpoint.complete(run.out / "checkpoints")]
    assert remote.complete() == local, "pruned alike"
    for name in local:
        if int(name) > 48:
            remote.remove(name)
    # A checkpoint whose state.json has not arrived is none.
    s3_client.upload_file(str(run.out / "metrics.jsonl"), s3_bucket, f"study/a/{90:015d}/model.safetensors")

    elsewhere = config(tmp_path / "second", s3_bucket)
    assert train(elsewhere, schedule) == whole
    assert remote.complete()[-1] == f"{80:015d}"
    ends = [checkpoint._tensors(checkpoint.find(one.out) / "model.safetensors") for one in (run, elsewhere)]
    assert all(tensor.equal(ends[1][name]) for name, tensor in ends[0].items())


class Outage(Callback):
    """The bucket vanishes in step `first` and is there again, empty, in step `last`."""

    def __init__(self, server, s3_bucket: str, first: int, last: int) -> None:
        self.server, self.bucket, self.first, self.last = server, s3_bucket, first, last

    def batch_end(self, state, logger) -> None:
        step = int(state.timestamp.batch)
        if step == self.first:
            for entry in self.server.list_objects_v2(Bucket=self.bucket).get("Contents", []):
                self.server.delete_object(Bucket=self.bucket, Key=entry["Key"])
            self.server.delete_bucket(Bucket=self.bucket)
        if step == self.last:
            self.server.create_bucket(Bucket=self.bucket)


def train_through(outage: Outage, run, schedule) -> None:
    run.out.mkdir()
    built = build_trainer(run, schedule, DeviceCPU())
    assert built is not None
    trainer, dataset = built
    trainer.state.callbacks.append(outage)
    try:
        trainer.fit()
    finally:
        dataset.close()
        trainer.close()


def test_a_remote_that_fails_for_a_while_costs_nothing(s3_client, s3_bucket, tmp_path, capfd):
    schedule = synthetic.schedule(tmp_path, lengths=(48, 16, 16))
    run = config(tmp_path / "out", s3_bucket)
    train_through(Outage(s3_client, s3_bucket, 4, 5), run, schedule)
    assert "warning: checkpoint is on disk only (s3://" in capfd.readouterr().err
    # Step 4's copy failed and was made up for in step 6; what had arrived before the outage is lost with the bucket.
    assert RemoteStore(f"s3://{s3_bucket}/study/a").complete() == [f"{p:015d}" for p in (32, 48, 64, 80)]


def test_the_last_checkpoint_must_arrive(s3_client, s3_bucket, tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(16, 8, 8))
    run = config(tmp_path / "out", s3_bucket)
    with pytest.raises(InputError, match=r"cannot save the checkpoint of step 4 \(s3://.*NoSuchBucket"):
        train_through(Outage(s3_client, s3_bucket, 4, 99), run, schedule)
    assert checkpoint.read(checkpoint.find(run.out)).position == 32, "on disk it is safe"
    with pytest.raises(InputError, match=r"cannot be read on every node \(s3://.*NoSuchBucket"):
        build_trainer(run, schedule, DeviceCPU())


@pytest.mark.parametrize("uri", ["nosuch://bucket/x", "/some/folder"])
def test_other_places_are_refused(uri):
    with pytest.raises(InputError, match=r"checkpoint.remote: .*s3://bucket/path"):
        RemoteStore(uri)
