"""Says why a rank ends, at once and once, and ends it whatever the other ranks do.

What one rank meets alone, the others do not know: they wait for it in a collective. So a rank that fails says why
before it closes anything, takes part in no collective any more, and is gone after `LEAVE` seconds even if its closing
hangs. The launcher ends the others then. It prints the output of every rank that no signal ended. If all ranks fail
alike, one message is enough: a rank with nothing new to say waits to be ended by the launcher, and prints nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback

from common.errors import EXIT_BAD_INPUT, InputError
from train.loader.errors import SourceError

LEAVE = 8.0
"""Seconds that a rank may take to close what it has open, once it has said why it ends."""
STAND_BY = 10.0
"""Seconds that the launcher may take to notice that a rank has ended; it looks ten times a second."""


class LastWords:
    """Holds what this rank says at its end; `status` is its exit status, 0 as long as nothing was said."""

    def __init__(self) -> None:
        self.status = 0
        self._waits = False
        self._first = os.environ.get("LOCAL_RANK", "0") == "0"
        self._launched = "LOCAL_RANK" in os.environ

    def say(self, error: Exception) -> None:
        """Say why the rank ends, unless it has said so already, or another rank of the node says it."""
        if self.status:
            return
        self.status = EXIT_BAD_INPUT if isinstance(error, InputError) else 1
        if isinstance(error, SourceError):
            self._waits = error.told_elsewhere
        elif isinstance(error, InputError):
            self._waits = not self._first
        if isinstance(error, InputError):
            if not (isinstance(error, SourceError) and error.told_elsewhere):
                print(f"error: {error}", file=sys.stderr, flush=True)
        else:
            traceback.print_exception(error)
        if not self._waits and int(os.environ.get("WORLD_SIZE", "1")) > 1:
            self._at_signal(self.status)
            last = threading.Timer(LEAVE, os._exit, [self.status])
            last.daemon = True
            last.start()

    def take_leave(self, words: str, status: int) -> None:
        """Say `words` that all ranks have to say: the first one's are heard."""
        print(words, file=sys.stderr, flush=True)
        self.status, self._waits = status, not self._first

    def end(self) -> int:
        """The exit status; of several ranks, one that has failed does not come back from here."""
        if not self.status or not self._launched:
            return self.status
        if self._waits:
            self._at_signal(self.status if self._first else None)
            time.sleep(STAND_BY)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self.status)  # the interpreter's end would wait for threads of collectives that nobody ends any more

    @staticmethod
    def _at_signal(status: int | None) -> None:
        """Handles the launcher's signal: it ends the rank with `status`, or without a word (None)."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL if status is None else lambda *_: os._exit(status))
