"""Keeps a second driver away from an output that another one is writing, and says who that is.

The lease is a small file in the staging area that its holder renews. It is a courtesy: two drivers at once still
publish equal bytes under equal names, each atomically, so a dataset never depends on it. What it saves is the second
driver's failure when the first one sweeps the files that both were reading.

A holder that is dead never blocks: on the same machine its process is looked up (a number that was given again has
another start time); of another machine, its renewals are waited for, without comparing clocks.
"""

from __future__ import annotations

import contextlib
import datetime
import getpass
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common import file_lock
from common.errors import InputError, StorageError
from dataprep.engine.paths import LEASE_NAME, STAGING, TEMPORARY
from dataprep.storage import files

_sleep = time.sleep
RENEWED_S = 10.0
"""Seconds between two renewals."""
EXPIRES_S = 45.0
"""A holder on another machine that has not renewed for so long is dead."""
_ALL_THE_SAME = {"user", "host", "boot", "pid", "started", "doing", "since", "token"}


class Lease:
    """The lease of `out`, held by this process until `release`."""

    def __init__(self, out: str, mine: dict[str, Any]) -> None:
        self._out, self._mine, self._over = out, mine, threading.Event()
        self.lost_to: dict[str, Any] | None = None
        """Who has taken it over, from a holder that seemed dead."""
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        while not self._over.wait(RENEWED_S):
            with contextlib.suppress(Exception):  # a server that fails for a moment; the next renewal may do better
                if (found := read(self._out)) and found["token"] != self._mine["token"]:
                    self.lost_to = found
                    return
                self._mine["beat"] += 1
                _write(self._out, self._mine)

    def release(self) -> None:
        """Let go of it."""
        self._over.set()
        self._thread.join(RENEWED_S)
        with contextlib.suppress(Exception):
            if (found := read(self._out)) and found["token"] == self._mine["token"]:
                files.remove(_place(self._out))
        if files.is_local(self._out):
            with contextlib.suppress(OSError):  # folders that were made for the lease alone
                for folder in (files.join(self._out, TEMPORARY), files.join(self._out, STAGING), self._out):
                    os.rmdir(folder)


@contextlib.contextmanager
def held(out: str, doing: str, *, say: Callable[[str], None] = lambda text: None) -> Iterator[None]:
    """Hold the lease of `out` while the block runs.

    Args:
        doing: names what the holder does, for the other driver's message.
        say: is told why it takes a moment.

    Raises:
        InputError: another process holds it; or it was taken over while the block ran, which then failed.
    """
    lease = _taken(out, doing, say)
    try:
        yield
    except Exception:
        if lease and lease.lost_to:
            raise _refusal(out, lease.lost_to, "this process was taken for dead; ") from None
        raise
    finally:
        if lease:
            lease.release()


def read(out: str) -> dict[str, Any] | None:
    """The lease that lies in `out`; None where there is none, or what is there is not one."""
    place = _place(out)
    try:
        found = files.read_json(place) if files.exists(place) else None
    except InputError:  # removed meanwhile, or damaged
        return None
    return found if isinstance(found, dict) and found.keys() >= _ALL_THE_SAME else None


def check(out: str) -> None:
    """Raise InputError where a process of this machine that lives, or one of another machine's, holds `out`."""
    if (found := read(out)) and not _is_dead_here(found):
        raise _refusal(out, found)


def _taken(out: str, doing: str, say: Callable[[str], None]) -> Lease | None:
    mine = {
        "user": getpass.getuser() if "USER" in os.environ or "LOGNAME" in os.environ else str(os.getuid()),
        "host": socket.gethostname(),
        "boot": _boot(),
        "pid": os.getpid(),
        "started": started(os.getpid()),
        "doing": doing,
        "since": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "token": uuid.uuid4().hex,
        "beat": 0,
    }
    with _one_at_a_time(out):
        found = read(out)
        if found is not None and not _is_dead(out, found, say):
            raise _refusal(out, found)
        try:
            _write(out, mine)
        except OSError:  # it may not be written: whoever has to write will say so
            return None
    if (now := read(out)) and now["token"] != mine["token"]:  # on a store, two came at once: the later one has it
        raise _refusal(out, now)
    return Lease(out, mine)


@contextlib.contextmanager
def _one_at_a_time(out: str) -> Iterator[None]:
    """Where files can be locked, one process at a time looks whether there is a lease, and makes its own."""
    handle = None
    if files.is_local(out):
        with contextlib.suppress(OSError):  # it may not be written, or has no locks
            staging = Path(out, STAGING)
            staging.mkdir(parents=True, exist_ok=True)
            handle = file_lock.take(staging, wait=True)
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _refusal(out: str, found: dict[str, Any], why: str = "") -> InputError:
    who = f"process {found['pid']} of {found['user']} on {found['host']}"
    return InputError(
        f"{why}a {found['doing']} by {who} works here since {found['since']}",
        file=out,
        remedy="wait for its end, or end it: its work is taken over then",
    )


def _is_dead(out: str, found: dict[str, Any], say: Callable[[str], None]) -> bool:
    if found["host"] == socket.gethostname() and found["boot"] == _boot():
        return _is_dead_here(found)
    say(f"{out}: is {found['host']} still at it? {EXPIRES_S:g} s without a sign, and its work is taken over")
    deadline = time.monotonic() + EXPIRES_S
    while time.monotonic() < deadline:
        _sleep(min(1.0, EXPIRES_S / 20))
        now = read(out)
        if now is None:
            return True
        if (now["token"], now.get("beat")) != (found["token"], found.get("beat")):
            return False
    return True


def _is_dead_here(found: dict[str, Any]) -> bool:
    """Whether it is a process of this machine, since its last start, that has ended."""
    if (found["host"], found["boot"]) != (socket.gethostname(), _boot()):
        return False
    return started(int(found["pid"])) != found["started"]


def started(pid: int) -> str | None:
    """When a process of this machine began, in the kernel's ticks; None where it has ended, or cannot be seen."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _boot() -> str:
    """Names this machine's last start, and its process numbers: containers of one machine have their own."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    return ""


def _place(out: str) -> str:
    return files.join(out, STAGING, LEASE_NAME)


def _write(out: str, lease: dict[str, Any]) -> None:
    with contextlib.suppress(StorageError):
        files.publish_bytes(files.to_json(lease), _place(out), temporary=files.join(out, TEMPORARY))
