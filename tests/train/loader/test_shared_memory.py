"""A /dev/shm without room is said in a line, at once, wherever it is met; nothing stays in it, killed or not.

All cases run in children of one process that has a /dev/shm of its own, in a mount namespace, which takes root.
"""

import errno
import json
import os
import re
import subprocess
import sys

import pytest

from tests.helpers import synthetic
from train.loader.shared_memory import is_full

SCRIPT = """
import json, os, signal, sys, time
from schemas.schedule import Schedule
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset

def read(killed):
    dataset = ScheduleDataset(Schedule.load(sys.argv[1]), 32, cache=sys.argv[2])
    loader = ScheduleLoader(dataset, 2)
    try:
        for number, batch in enumerate(loader):
            if killed and number == 2:
                for worker in loader.multiprocessing_context.started:
                    os.kill(worker.pid, signal.SIGKILL)
                os.kill(os.getpid(), signal.SIGKILL)
    except Exception as error:
        return str(loader.explained(error) or error)
    return "all was read"

for size, killed in json.loads(sys.argv[3]):
    os.system(f"mount -t tmpfs -o size={size} tmpfs /dev/shm")
    ours, theirs = os.pipe()
    begun = time.monotonic()
    child = os.fork()
    if not child:
        os.close(ours)
        os.write(theirs, read(killed).encode())
        os._exit(0)
    os.close(theirs)
    os.waitpid(child, 0)
    said, took = os.read(ours, 10_000).decode(), time.monotonic() - begun
    while os.listdir("/dev/shm") and time.monotonic() - begun < took + 30:
        time.sleep(0.1)  # a worker that outlives its rank by a moment may be about to remove what it could not make
    print(json.dumps([said, took, os.listdir("/dev/shm")]))
"""
CASES = {"no room to start": ("4k", False), "no room for a batch": ("96k", False), "killed": ("64m", True)}
SIGBUS = r"ended by signal 7 \(SIGBUS\); most likely /dev/shm is full: "


@pytest.mark.slow
def test_what_a_small_shared_memory_does(tmp_path):
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("a mount namespace takes root")
    schedule = tmp_path / "schedule.json"
    synthetic.schedule(tmp_path, lengths=(160, 80, 80), global_batch=32).save(schedule)
    argv = ["unshare", "-m", sys.executable, "-c", SCRIPT, schedule, tmp_path / "cache"]
    done = subprocess.run([*argv, json.dumps([*CASES.values()])], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found = dict(zip(CASES, map(json.loads, done.stdout.splitlines()), strict=True))
    assert all(seconds < 30 for _, seconds, _ in found.values()), found
    said = found["no room to start"][0]
    assert said.startswith("/dev/shm: workers: shared memory is full (4,096 of 4,096 bytes are free); use fewer")
    said = found["no room for a batch"][0]  # the kernel says so when a block is made, or by SIGBUS when it is written
    assert re.search(rf"shared memory is full \([\d,]+ of 98,304 bytes are free\); |{SIGBUS}", said)
    assert "use fewer `workers`, or make it larger (docker run --shm-size" in said
    assert found["killed"][0] == ""
    assert not any(left for said, _, left in found.values() if "SIGBUS" not in said), "no block has a name"


def test_a_full_disk_is_not_taken_for_it(tmp_path):
    assert not is_full(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(tmp_path / "metrics.jsonl")))
    assert not is_full(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))), "there is room"
    assert is_full(RuntimeError("unable to write to file </torch_14_3_5>: No space left on device (28)"))
    assert not is_full(RuntimeError("CUDA error"))
