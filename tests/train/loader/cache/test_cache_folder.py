"""A cache folder has one owner at a time, and outlives none of them locked."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import InputError
from train.loader.cache.cache_folder import TABLE, Slot

ROOT = Path(__file__).resolve().parents[4]
FORK = "import os\nif os.fork() == 0: time.sleep(20); os._exit(0)\nprint(s.path, flush=True)\ntime.sleep(60)\n"
HOLDER = (
    "import sys,time\n"
    "from pathlib import Path\nfrom train.loader.cache.cache_folder import Slot\ns=Slot(Path(sys.argv[1]))\n"
)


def test_two_loaders_have_two_folders_and_a_freed_one_is_taken_again(tmp_path):
    first, second = Slot(tmp_path), Slot(tmp_path)
    assert {first.path, second.path} == {tmp_path / "0", tmp_path / "1"}
    first.release()
    assert Slot(tmp_path).path == tmp_path / "0"
    second.release()


def test_a_killed_owner_and_its_children_hold_nothing(tmp_path):
    script = HOLDER + FORK
    owner = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdout.readline().strip() == str(tmp_path / "0")
    other = Slot(tmp_path)
    assert other.path == tmp_path / "1"
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    deadline = time.monotonic() + 15  # the child lives for 20 s; on a loaded machine it may not have begun to run yet
    while (again := Slot(tmp_path)).path != tmp_path / "0" and time.monotonic() < deadline:
        again.release()
        time.sleep(0.05)
    assert again.path == tmp_path / "0"


def test_leftovers_of_killed_downloads_and_of_other_datasets_go(tmp_path):
    slot = Slot(tmp_path)
    for folder in ("text-new", "text-old", "mine"):
        (slot.path / folder).mkdir()
        (slot.path / folder / ".shard.00000.mds.ab12.part.Cd34").touch()
        (slot.path / folder / "shard.00000.mds").touch()
        if folder != "mine":
            (slot.path / folder / TABLE).touch()
    slot.release()
    again = Slot(tmp_path)
    again.keep_only({"text-new"})
    names = sorted(str(path.relative_to(again.path)) for path in again.path.rglob("*.mds*"))
    assert names == ["mine/shard.00000.mds", "text-new/shard.00000.mds"]


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot use the cache .Not a directory.; let `cache` name a writable"):
        Slot(tmp_path / "file")
