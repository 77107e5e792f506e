"""Writes one checkpoint in the background: this rank's files, and on rank 0 what makes them a checkpoint.

Every rank that holds a part writes it to the same folder, beside the checkpoint's place, and leaves a receipt there
with the digests of its files; one that does not see the folder sends it to rank 0 (`train.checkpoint.relay`). Rank 0
waits for all; only then does the folder get its name. No collective is involved: ranks hear of the end when they next
exchange the facts of a step. A run that is killed meanwhile leaves a folder without a name, which the next save sweeps.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from common import atomic_files
from train.checkpoint import tensor_file
from train.checkpoint.relay import File, Relay

LOOK = 0.05
"""Seconds between looks at other ranks' receipts."""
Status = Literal["writing", "ended", "failed"]


class Writing:
    """A checkpoint in the making, on this rank.

    Args:
        partial: folder to write to, shared by all ranks that write.
        files: this rank's, by name; none for a rank that only looks on.
        rank: this one's number.
        finish: on rank 0 alone: takes the digests of all ranks' files and completes the checkpoint.
        writers: ranks whose receipts `finish` needs.
        relay: the way of ranks that do not see the folder; None where there are none.
    """

    def __init__(
        self,
        partial: Path,
        files: Mapping[str, File],
        rank: int,
        finish: Callable[[dict[str, str]], None] | None = None,
        writers: tuple[int, ...] = (),
        relay: Relay | None = None,
    ) -> None:
        self._partial, self._files, self._rank = partial, files, rank
        self._finish, self._relay = finish, relay
        senders = relay.senders if relay is not None else frozenset()
        self._writers = [one for one in writers if one not in senders]
        self._unheard = [one for one in writers if one in senders] if finish is not None else []
        """Ranks that rank 0 has still to receive from."""
        self._given_up = threading.Event()
        self.problem: str | None = None
        """Why it failed on this rank."""
        self.status: Status = "writing"
        self._thread = threading.Thread(target=self._run, name="checkpoint", daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for this rank's part, on rank 0 for all of it; returns whether it is over."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def give_up(self) -> None:
        """Neither write on nor wait for other ranks: one of them has failed."""
        self._given_up.set()

    def _run(self) -> None:
        try:
            self._write()
            if self._finish is not None:
                self._complete(self._finish)
            self.status = "ended"
        except Exception as error:  # whatever it is: ranks wait for this thread to end and to say how
            self.problem = self.problem or " ".join(str(error).split())
            self._remove()
            self.status = "failed"
            with contextlib.suppress(Exception):  # senders wait to be heard, though nothing comes of it
                while self._unheard:
                    self._receive(None)

    def _write(self) -> None:
        if not self._files:
            return
        if self._relay is not None and self._relay.sends:
            self._relay.send(self._files, self._given_up.is_set)
            return
        self._partial.mkdir(parents=True, exist_ok=True)
        digests = {}
        for name, (tensors, cuts) in self._files.items():
            digests[name] = tensor_file.write(tensors, self._partial / name, cuts, self._given_up.is_set)
            atomic_files.flush(self._partial / name)
        atomic_files.write_text(self._receipt(self._rank), json.dumps(digests))

    def _complete(self, finish: Callable[[dict[str, str]], None]) -> None:
        digests: dict[str, str] = {}
        for rank in self._writers:
            while not self._receipt(rank).exists():
                if self._given_up.is_set():
                    raise OSError("another rank could not write its part")
                time.sleep(LOOK)
            digests |= json.loads(self._receipt(rank).read_text(encoding="utf-8"))
            self._receipt(rank).unlink()
        while self._unheard:
            digests |= self._receive(self._partial)
        finish(digests)

    def _receive(self, folder: Path | None) -> dict[str, str]:
        """Take what the next sender sends."""
        assert self._relay is not None
        return self._relay.receive(self._unheard.pop(0), folder)

    def _remove(self) -> None:
        """Take away what was written: on rank 0 the folder, elsewhere this rank's files."""
        if self._finish is not None:
            shutil.rmtree(self._partial, ignore_errors=True)
        for name in self._files:
            (self._partial / name).unlink(missing_ok=True)

    def _receipt(self, rank: int) -> Path:
        return self._partial / f".receipt-{rank:05d}.json"
