"""What lies beside checkpoints and looks like one is none, on disk and remote."""

import shutil

import pytest

from tests.helpers import checkpoints
from train.checkpoint import folder
from train.checkpoint.names import is_checkpoint, name_of
from train.checkpoint.remote_store import RemoteStore

OTHERS = ["1-best", f"{72:015d}.bak", f"{72:015d} copy", "72", f"{72:016d}", f"{72:015d}\n", "٧" * 15]


@pytest.mark.parametrize("name", OTHERS)
def test_only_exact_names_are_checkpoints(name):
    assert not is_checkpoint(name)
    assert is_checkpoint(name_of(72))


def test_on_disk(tmp_path):
    out = checkpoints.checkpoint(tmp_path)
    found = folder.find(out)
    for name in OTHERS:
        shutil.copytree(found, found.with_name(name))
    found.with_name(name_of(99)).write_text("a file")
    assert folder.complete(out / "checkpoints") == [found]
    folder.prune(out / "checkpoints", 1)
    assert {path.name for path in found.parent.iterdir()} == {found.name, *OTHERS, name_of(99)}


def test_in_a_remote(s3_client, s3_bucket, tmp_path):
    out = checkpoints.checkpoint(tmp_path)
    remote = RemoteStore(f"s3://{s3_bucket}/run")
    remote.put(folder.find(out), out)
    for name in ("1", "72", f"{72:015d}.bak", f"{72:016d}"):
        s3_client.put_object(Bucket=s3_bucket, Key=f"run/{name}/state.json", Body=b"{}")
    assert remote.complete() == [name_of(8)]
