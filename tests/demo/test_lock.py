"""One demo a folder, and no lock that outlives its holder."""

import subprocess
import sys
from pathlib import Path

import pytest

from demo.lock import exclusive
from schemas.errors import InputError

HOLD = """
import pathlib, subprocess, sys
from demo.lock import exclusive
with exclusive(pathlib.Path(sys.argv[1])):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def test_a_second_demo_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    with exclusive(tmp_path), pytest.raises(InputError, match="another demo runs in this folder"), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):
        pass


def test_a_killed_holder_lets_go_even_where_its_child_lives(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=-1,
        stdout=-1,
        text=True,
        cwd=root,
        env={"PYTHONPATH": str(root)},
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(InputError), exclusive(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with exclusive(tmp_path):
            pass
    finally:
        subprocess.run(["kill", "-9", str(child)], check=False)
