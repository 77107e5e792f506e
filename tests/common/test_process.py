"""A child ends with its parent, however that ends."""

import subprocess
import sys
import time

import psutil
import pytest

from tests.helpers.commands import ROOT, command_environment

PARENT = """
import os, subprocess, sys, time
code = "import signal, time; from common.process import end_with_parent; " \\
       "end_with_parent(signal.SIGKILL, {parent}); print('up', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code.format(parent=os.getpid() + int(sys.argv[1]))], stdout=-1)
print(child.pid, child.stdout.readline().decode().strip() or child.wait(), flush=True)
time.sleep(60)
"""


def parent_of(off: int) -> tuple[subprocess.Popen[str], int, str]:
    """A parent, its child and what the child said; the child is told a parent that is `off` by so much."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(off)], stdout=-1, text=True, cwd=ROOT, env=command_environment()
    )
    assert parent.stdout is not None
    child, said = parent.stdout.readline().split()
    return parent, int(child), said


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells children")
def test_a_killed_parent_takes_its_child_along() -> None:
    parent, child, said = parent_of(0)
    assert said == "up"
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells children")
def test_a_child_whose_parent_was_gone_before_ends_at_once() -> None:
    parent, _, said = parent_of(1)
    parent.kill()
    parent.wait()
    assert said == "1"
