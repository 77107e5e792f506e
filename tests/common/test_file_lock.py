"""One holder at a time, and no lock that outlives its holder."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from common.errors import InputError
from common.file_lock import exclusive

HOLD = """
import pathlib, subprocess, sys
from common.file_lock import exclusive
with exclusive(pathlib.Path(sys.argv[1]), "demo"):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    print(child.pid, flush=True)
    sys.stdin.read()
"""


def test_a_second_is_refused_until_the_first_ends(tmp_path: Path) -> None:
    lock = tmp_path / "new" / ".lock"
    with (
        exclusive(lock, "demo"),
        pytest.raises(InputError, match="another demo runs in this folder"),
        exclusive(lock, "demo"),
    ):
        pass
    with exclusive(lock, "demo"):
        pass


def test_a_directory_is_locked_and_left_as_it_is(tmp_path: Path) -> None:
    with exclusive(tmp_path, "demo"), pytest.raises(InputError, match="another demo runs"), exclusive(tmp_path, "demo"):
        pass
    with exclusive(tmp_path, "demo"):
        assert not list(tmp_path.iterdir())


def test_what_cannot_be_opened_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be locked"), exclusive(tmp_path / "file/.lock", "demo"):
        pass


def test_one_that_waits_gets_it_after_the_first(tmp_path: Path) -> None:
    lock, order = tmp_path / ".lock", []

    def second() -> None:
        with exclusive(lock, "demo", wait=True):
            order.append("second")

    with exclusive(lock, "demo"):
        other = threading.Thread(target=second)
        other.start()
        other.join(0.2)
        order.append("first")
    other.join(30)
    assert order == ["first", "second"]


def test_a_killed_holder_lets_go_even_where_its_child_lives(tmp_path: Path) -> None:
    root, lock = Path(__file__).parents[2], tmp_path / ".lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=-1,
        stdout=-1,
        text=True,
        cwd=root,
        env={"PYTHONPATH": str(root)},
    )
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    try:
        with pytest.raises(InputError), exclusive(lock, "demo"):
            pass
        holder.kill()
        holder.wait()
        with exclusive(lock, "demo"):
            pass
    finally:
        subprocess.run(["kill", "-9", str(child)], check=False)
