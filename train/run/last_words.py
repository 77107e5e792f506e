"""Says why a rank ends, at once and once, and ends it whatever the other ranks do.

What one rank meets alone, the others do not know: they wait for it in a collective. So a rank that fails says why
before it closes anything, takes part in no collective any more, and is gone after `LEAVE` seconds even if its closing
hangs. The launcher ends the others then. It prints the output of every rank that no signal ended. If several ranks
fail alike, or fail because another one did, one message is enough: a rank with nothing new to say waits to be ended by
the launcher, and prints nothing, unless the rank that should have said the reason is gone without a word.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from typing import Protocol

from common.errors import EXIT_BAD_INPUT, InputError, StorageError
from train.loader.errors import SourceError

LEAVE = 5.0
"""Seconds that a rank may take to close what it has open, once it has said why it ends."""
STAND_BY = 10.0
"""Seconds that the launcher may take to notice that a rank has ended; it looks ten times a second."""


class Peers(Protocol):
    """Shares failures between the ranks of a node, without a collective."""

    def first_to_fail(self) -> bool:
        """Say that this rank cannot go on; returns whether no other rank of the node has said so before."""

    def tell(self) -> None:
        """Note that the reason has been said."""

    def told(self) -> bool:
        """Whether a rank of the node has noted that the reason was said."""


class LastWords:
    """Holds what this rank says at its end; `status` is its exit status, 0 as long as nothing was said."""

    def __init__(self) -> None:
        self.status = 0
        self._waits = False
        self._unsaid = ""
        self._peers: Peers | None = None
        self._first = os.environ.get("LOCAL_RANK", "0") == "0"
        self._launched = "LOCAL_RANK" in os.environ

    def say(self, error: Exception, peers: Peers | None = None) -> None:
        """Say why the rank ends, unless it has said so already, or another rank of the node says it.

        Args:
            peers: who share this rank's memory; None: nothing is shared yet, every rank meets the same mistakes.
        """
        if self.status:
            return
        if self._launched and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # nor may it raise in what is left of this process
        with undisturbed():
            mendable = isinstance(error, InputError | StorageError)
            words = f"error: {error}\n" if mendable else "".join(traceback.format_exception(error))
            if isinstance(error, SourceError):
                self._waits = error.told_elsewhere
            elif peers is not None:
                self._waits = not peers.first_to_fail() and mendable
            elif mendable:
                self._waits = not self._first
            self._peers = peers
            if self._waits and (peers is not None or isinstance(error, SourceError)):
                self._unsaid = words
            else:
                _print(words)
                if peers is not None:
                    peers.tell()
            self.status = EXIT_BAD_INPUT if mendable else 1  # last: an interrupted `say` is said again
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            signal.signal(signal.SIGTERM, self._at_signal)
            last = threading.Timer(LEAVE + STAND_BY if self._waits else LEAVE, self._leave)
            last.daemon = True
            last.start()

    def take_leave(self, words: str, status: int) -> None:
        """Say `words` that all ranks have to say: the first one's are heard."""
        _print(f"{words}\n")
        self.status, self._waits = status, not self._first

    def end(self) -> int:
        """The exit status; of several ranks, one that has failed does not come back from here."""
        if not self.status or not self._launched:
            return self.status
        if self._waits:
            signal.signal(signal.SIGTERM, self._at_signal)
            until = time.monotonic() + STAND_BY
            while time.monotonic() < until and not (self._first and self._peers is not None and self._peers.told()):
                time.sleep(0.05)
        self._leave()
        return self.status

    def _at_signal(self, *_: object) -> None:
        """Handles the launcher's signal: a rank whose words others have said too is ended by it, and not heard."""
        if self._waits and not self._first and not self._alone():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        self._leave()

    def _leave(self) -> None:
        """End the process. Python's own way would wait for threads of collectives that nobody ends any more."""
        if self._alone():
            _print(self._unsaid)
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(self.status)

    def _alone(self) -> bool:
        """Whether what was left to another rank was never said: that one is gone."""
        return bool(self._unsaid) and self._peers is not None and not self._peers.told()


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Keep torch's handler of a lost worker from raising, in the middle of what is said about it, once more."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


def _print(words: str) -> None:
    try:
        sys.stderr.write(words)
        sys.stderr.flush()
    except (OSError, ValueError, AttributeError):  # closed, or replaced by what is
        os.write(2, words.encode())
