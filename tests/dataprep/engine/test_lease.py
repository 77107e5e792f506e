"""One driver at a time: the second one hears who works there; a dead one blocks nobody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from dataprep.engine import lease
from dataprep.engine.paths import LEASE_NAME, STAGING
from dataprep.storage import files
from tests.helpers.commands import command_environment

HOLDER = """
import sys, time
from dataprep.engine import lease
with lease.held(sys.argv[1], "text job"):
    print("held", flush=True)
    sys.stdin.read()
"""


def place(out: str) -> str:
    return files.join(out, STAGING, LEASE_NAME)


def start(out: str) -> subprocess.Popen[str]:
    """Another process that holds the lease of `out`."""
    argv = [sys.executable, "-c", HOLDER, out]
    pipe = subprocess.PIPE
    process = subprocess.Popen(argv, env=command_environment(), stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def edited(out: str, **changes: Any) -> None:
    files.publish_bytes(files.to_json(files.read_json(place(out)) | changes), place(out))


def test_the_second_hears_who_the_first_is(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    process = start(out)
    try:
        said = rf"{out}: a text job by process {process.pid} of \S+ on \S+ works here since 20\d\d-\S+\+00:00; wait for"
        with pytest.raises(InputError, match=said), lease.held(out, "takedown"):
            raise AssertionError("it must not be let in")
        with pytest.raises(InputError, match=said):
            lease.check(out)
    finally:
        process.communicate()
    with lease.held(out, "takedown"):
        assert files.read_json(place(out))["doing"] == "takedown"
    assert not (tmp_path / "out").exists(), "folders that were made for the lease are gone"


def test_a_killed_one_blocks_nobody(tmp_path: Path) -> None:
    out = str(tmp_path)
    process = start(out)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert files.exists(place(out))
    lease.check(out)
    with lease.held(out, "text job"):
        pass
    assert not files.exists(place(out))


def test_a_process_number_that_was_given_again_is_not_the_holder(tmp_path: Path) -> None:
    out = str(tmp_path)
    process = start(out)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    edited(out, pid=os.getpid())  # it lives, and began at another time
    with lease.held(out, "text job"):
        pass


@pytest.mark.parametrize("scheme", ["disk", "s3"])
def test_of_another_machine_renewals_are_waited_for(
    scheme: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = str(tmp_path) if scheme == "disk" else request.getfixturevalue("bucket") + "/out"
    monkeypatch.setattr(lease, "EXPIRES_S", 0.5)
    said: list[str] = []
    with lease.held(out, "text job"):
        elsewhere = files.read_json(place(out)) | {"host": "far.example", "token": "far"}
    files.publish_bytes(files.to_json(elsewhere), place(out))
    with lease.held(out, "text job", say=said.append):  # it never renews
        pass
    assert said == [f"{out}: is far.example still at it? 0.5 s without a sign, and its work is taken over"]

    files.publish_bytes(files.to_json(elsewhere), place(out))
    waits = iter(range(1, 99))
    monkeypatch.setattr(lease, "_sleep", lambda _: edited(out, beat=next(waits)))
    with pytest.raises(InputError, match=r"on far\.example works here since"), lease.held(out, "text job"):
        pass


def test_the_holder_renews_and_hears_of_a_takeover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(tmp_path)
    monkeypatch.setattr(lease, "RENEWED_S", 0.05)
    taken = pytest.raises(InputError, match="this process was taken for dead; a clean-up by process 7 of eve on mars")
    with taken, lease.held(out, "text job"):
        wait_until(lambda: files.read_json(place(out))["beat"] >= 2)
        one = next(thread for thread in lease.threading.enumerate() if thread.name == "lease")
        wait_until(lambda: is_noticed(one, out))
        raise FileNotFoundError("what the other one has swept")
    assert files.read_json(place(out))["token"] == "hers", "the other one's lease stays"


def is_noticed(renewing: Any, out: str) -> bool:
    """Take the lease over, again where a renewal came in between, until its holder sees that."""
    edited(out, token="hers", user="eve", host="mars", pid=7, doing="clean-up")
    renewing.join(0.2)
    return not renewing.is_alive()


def wait_until(happened: Any) -> None:
    """For an event that is bound to come."""
    deadline = lease.time.monotonic() + 60
    while not happened():
        assert lease.time.monotonic() < deadline
        lease.time.sleep(0.01)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"token": 1}', b"\xff"])
def test_a_damaged_lease_is_none(content: bytes, tmp_path: Path) -> None:
    out = str(tmp_path)
    files.publish_bytes(content, place(out))
    with lease.held(out, "text job"):
        assert json.loads((tmp_path / STAGING / LEASE_NAME).read_text())["pid"] == os.getpid()


def test_a_place_that_may_not_be_written_is_left_to_the_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(files, "publish_bytes", refuse)
    with lease.held(str(tmp_path), "text job"):
        pass
