"""Checkpoints in an S3 API server (loopback): copied while training goes on, pruned, gone on and branched from."""

import json
import shutil

import pytest
from composer.core import Callback
from composer.devices import DeviceCPU

from common.errors import InputError
from tests.helpers import ranks, small_runs, synthetic
from train.checkpoint import folder, load
from train.checkpoint import state as checkpoint_state
from train.checkpoint.names import LOGS
from train.checkpoint.remote_store import RemoteStore
from train.checkpoint.start_point import starting_point
from train.config.run_config import RunConfig
from train.run.trainer import build_trainer


def config(out, bucket: str, **changes) -> RunConfig:
    saved = {"every": 2, "keep": 1, "remote": f"s3://{bucket}/study/a", **changes.pop("checkpoint", {})}
    return RunConfig.model_validate(ranks.settings("", out, checkpoint=saved, **changes))


def train(run, schedule) -> list[dict[str, object]]:
    return small_runs.without_clock(small_runs.train(run, schedule))


def store(bucket: str, path: str = "study/a") -> RemoteStore:
    return RemoteStore(f"s3://{bucket}/{path}")


def names(*positions: int) -> list[str]:
    return [f"{position:015d}" for position in positions]


def tensors(path):
    return {
        (file, name): tensor
        for file in ("model", "optimizer")
        for name, tensor in load.read_tensors(path / f"{file}.safetensors").items()
    }


def same(one, other) -> bool:
    first, second = tensors(folder.find(one)), tensors(folder.find(other))
    return first.keys() == second.keys() and all(tensor.equal(second[key]) for key, tensor in first.items())


def test_a_run_on_an_empty_disk_goes_on_from_the_remote(s3_client, s3_bucket, tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(48, 16, 16))
    run = config(tmp_path / "first", s3_bucket)
    whole = train(run, schedule)
    remote = store(s3_bucket)
    local = [path.name for path in folder.complete(run.out / "checkpoints")]
    assert remote.complete() == local == names(32, 48, 64, 80), "pruned alike"
    remote.remove(names(80)[0])
    # A checkpoint whose state.json has not arrived is none; nor is what lies beside the run.
    s3_client.upload_file(str(run.out / "metrics.jsonl"), s3_bucket, f"study/a/{90:015d}/model.safetensors")
    s3_client.upload_file(str(run.out / "metrics.jsonl"), s3_bucket, f"study/{99:015d}/state.json")
    s3_client.upload_file(str(run.out / "metrics.jsonl"), s3_bucket, f"study/a/b/{99:015d}/state.json")

    elsewhere = config(tmp_path / "second", s3_bucket)
    # The disk has an older checkpoint with the log as far as that: both are behind what is fetched.
    shutil.copytree(run.out / "checkpoints" / names(48)[0], elsewhere.out / "checkpoints" / names(48)[0])
    (elsewhere.out / "metrics.jsonl").write_text("".join((run.out / "metrics.jsonl").read_text().splitlines(True)[:6]))
    (elsewhere.out / "faults.jsonl").write_text("of another run\n")
    assert train(elsewhere, schedule) == whole
    assert not (elsewhere.out / "faults.jsonl").exists()
    assert remote.complete()[-1] == names(80)[0]
    assert same(run.out, elsewhere.out)


def test_runs_in_one_bucket_do_not_see_each_other(s3_client, s3_bucket, tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(16, 8, 8))
    train(config(tmp_path / "a", s3_bucket, checkpoint={"every": 99}), schedule)
    other = config(tmp_path / "b", s3_bucket, seed=18, checkpoint={"remote": f"s3://{s3_bucket}/study/b"})
    assert starting_point(other, schedule) is None
    store(s3_bucket, "study/b").put(folder.find(tmp_path / "a"), tmp_path / "a")
    assert store(s3_bucket).complete() == names(16, 24, 32)
    assert store(s3_bucket, "study/b").complete() == names(32)
    keys = {entry["Key"] for entry in s3_client.list_objects_v2(Bucket=s3_bucket)["Contents"]}
    assert all(key.startswith(("study/a/", "study/b/")) for key in keys)


def test_a_new_disk_prunes_what_the_old_one_left(s3_client, s3_bucket, tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(32, 8, 8))
    run = RunConfig.model_validate(ranks.settings("", tmp_path / "first", checkpoint={"every": 1, "keep": 3}))
    train(run, schedule)
    remote = store(s3_bucket)
    for path in folder.complete(run.out / "checkpoints")[:3]:
        remote.put(path, run.out)
    assert remote.complete() == names(8, 16, 24)
    train(config(tmp_path / "second", s3_bucket, checkpoint={"every": 99, "keep": 1}), schedule)
    assert remote.complete() == names(24, 32, 40, 48), "8 and 16 were never on the second disk"


def test_a_branch_from_a_remote_trunk_equals_one_from_its_disk(s3_client, s3_bucket, tmp_path):
    schedule = synthetic.schedule(tmp_path, lengths=(48, 16, 16))
    trunk = config(tmp_path / "trunk", s3_bucket, checkpoint={"every": 99})
    train(trunk, schedule)
    branched = synthetic.schedule(tmp_path, lengths=(48, 16, 16), pairs_share=200_000_000)
    places = {
        "disk": trunk.out,
        "remote": f"s3://{s3_bucket}/study/a",
        "one": f"s3://{s3_bucket}/study/a/{names(48)[0]}/",
    }
    logs = {}
    for name, place in places.items():
        run = RunConfig.model_validate(ranks.settings("", tmp_path / name, branch_from=place))
        logs[name] = train(run, branched)
        assert not (run.out / "trunk").exists(), "the copy goes when it has been loaded"
        assert same(run.out, tmp_path / "disk"), "weights and moments"
    assert logs["disk"] == logs["remote"] == logs["one"]
    assert logs["disk"][0]["position"] == 56

    def refused(place: str, lengths=(48, 16, 16), to: str = "refused"):
        run = RunConfig.model_validate(ranks.settings("", tmp_path / to, branch_from=place))
        build_trainer(run, synthetic.schedule(tmp_path, lengths=lengths), DeviceCPU())

    with pytest.raises(InputError, match="branch_from: no checkpoint here shares its past"):
        refused(places["remote"], lengths=(40, 16, 16))
    with pytest.raises(InputError, match="branch_from: no checkpoint here; give a run's `out` or"):
        refused(f"s3://{s3_bucket}/study/none")
    with pytest.raises(InputError, match=r"branch_from: cannot read checkpoints \(s3://nosuchbucket/a: .*NoSuchBucket"):
        refused("s3://nosuchbucket/a")
    with pytest.raises(InputError, match="branch_from: hdfs://x/y is no place for checkpoints"):
        refused("hdfs://x/y")
    with pytest.raises(InputError, match="past, before sample 80, is not the one"):
        refused(f"s3://{s3_bucket}/study/a/{names(80)[0]}", lengths=(40, 40, 16))


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


def test_a_remote_that_fails_for_a_while_costs_nothing(s3_client, s3_bucket, tmp_path, capfd):
    """It is down from before the first save until the last step."""
    schedule = synthetic.schedule(tmp_path, lengths=(48, 16, 16))
    run = config(tmp_path / "out", s3_bucket)
    small_runs.train_with(run, schedule, Outage(s3_client, s3_bucket, 1, 10))
    assert store(s3_bucket).complete() == names(32, 48, 64, 80)
    quiet = RunConfig.model_validate(ranks.settings("", tmp_path / "quiet", checkpoint={"every": 2, "keep": 1}))
    train(quiet, schedule)
    assert same(run.out, quiet.out)


def test_the_last_checkpoint_must_arrive_and_may_be_sent_later(s3_client, s3_bucket, tmp_path, capfd):
    schedule = synthetic.schedule(tmp_path, lengths=(16, 8, 8))
    run = config(tmp_path / "out", s3_bucket, checkpoint={"remote_wait": 8})
    late = r"a: the last checkpoints are on disk only \(s3://.*NoSuchBucket.*; mend that and start the same command"
    with pytest.raises(InputError, match=late):
        small_runs.train_with(run, schedule, Outage(s3_client, s3_bucket, 4, 99))
    assert "warning: checkpoint is on disk only (s3://" in capfd.readouterr().err
    assert checkpoint_state.read(folder.find(run.out)).position == 32, "on disk it is safe"
    with pytest.raises(InputError, match=r"cannot ask for checkpoints \(s3://.*NoSuchBucket"):
        build_trainer(run, schedule, DeviceCPU())
    s3_client.create_bucket(Bucket=s3_bucket)
    train(config(run.out, s3_bucket), schedule)
    assert store(s3_bucket).complete() == names(16, 24, 32), "a run that has ended still sends what is missing"
    listed = s3_client.list_objects_v2(Bucket=s3_bucket, Prefix="study/a/")["Contents"]
    logs = {entry["Key"] for entry in listed if entry["Key"].count("/") == 2}
    assert logs == {f"study/a/{name}" for name in LOGS if (run.out / name).exists()} >= {"study/a/metrics.jsonl"}
    assert json.loads(store(s3_bucket).state(names(32)[0]))["position"] == 32


@pytest.mark.parametrize("uri", ["nosuch://bucket/x", "/some/folder", "s3://", "gs://bucket/x"])
def test_other_places_are_refused(uri):
    with pytest.raises(InputError, match=r"checkpoint.remote: .* is no place for checkpoints; use s3://bucket/path"):
        RemoteStore(uri)


@pytest.mark.parametrize("endpoint", ["not a url", "ftp//x"])
def test_an_endpoint_that_is_none_is_refused(monkeypatch, endpoint):
    monkeypatch.setenv("S3_ENDPOINT_URL", endpoint)
    with pytest.raises(InputError, match=r"checkpoint.remote: s3://b/x: Invalid endpoint.*; correct the AWS settings"):
        RemoteStore("s3://b/x")
