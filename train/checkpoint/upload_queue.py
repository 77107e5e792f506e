"""Brings a run's remote up to date with its disk while the run trains on; on rank 0.

One thread, which compares what is on disk with what has arrived, and uploads what is missing, one checkpoint at a time,
in a process of its own (`train.checkpoint.upload_process`). There is no queue: the thread compares disk and remote
again, which is the retry, and what was pruned in the meantime is not missing. Oldest first, so that uploads which are
slower than saves lag behind, but skip none of the switch points; newest first when the run is about to end. Then the
remote is pruned as the disk is.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self

from composer.utils import dist

from common.errors import InputError
from train.checkpoint import folder, identity, state
from train.checkpoint.folder import FOLDER, complete
from train.checkpoint.remote_store import RemoteError, RemoteStore
from train.config.run_config import RunConfig

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 60.0
"""Seconds between attempts, at most; they start at `FIRST` and double."""
FIRST = 1.0


class Uploads:
    """The uploads of the run in `out` to `remote`, which keeps as many interval checkpoints as the disk: `keep`."""

    def __init__(self, remote: RemoteStore, out: Path, keep: int) -> None:
        self.remote, self.out, self.keep = remote, out, keep
        self.lock = threading.Lock()
        """Held while an upload is chosen; hold it to remove checkpoints from the disk, and spare `uploading`."""
        self.uploading: str | None = None
        """Checkpoint that is being read."""
        self.problem: str | None = None
        """Why the last attempt failed; None if it did not."""
        self._lasting: dict[str, bool] | None = None
        """What has arrived, and whether it stays."""
        self._changed = threading.Condition()
        self._seen = 0
        self._done = 0
        self._hurry = self._closing = False
        self._process: subprocess.Popen[str] | None = None
        self._thread = threading.Thread(target=self._run, name="uploads", daemon=True)

    @classmethod
    def of(cls, run: RunConfig) -> Self | None:
        """The run's, on the rank that does them; None if it has no remote."""
        if run.checkpoint.remote is None or dist.get_global_rank():
            return None
        return cls(RemoteStore(run.checkpoint.remote), run.out, run.checkpoint.keep)

    def start(self) -> None:
        """Begin, with what an earlier run has left to upload."""
        self.saved()
        self._thread.start()

    def saved(self) -> None:
        """Say that there is a new checkpoint."""
        with self._changed:
            self._seen += 1
            self._changed.notify_all()

    def finish(self, seconds: float) -> bool:
        """Wait until everything on disk has arrived, but not longer than `seconds`; returns whether it has."""
        with self._changed:
            self._hurry = True
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._done == self._seen, seconds)

    def close(self) -> None:
        """End at once; an upload that is under way is cut short, and does not count."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            if self._process is not None:
                self._process.kill()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        wait, swept = FIRST, False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._done < self._seen)
                if self._closing:
                    return
                due = self._seen
            try:
                if not swept:
                    self.remote.sweep()
                    swept = True
                self._bring_up_to_date()
            except (RemoteError, InputError, OSError) as error:
                self.problem = str(error)
                if not self._closing:
                    said = f"warning: checkpoint is on disk only ({error}); next try in {wait:.0f} s"
                    print(said, file=sys.stderr, flush=True)
                with self._changed:
                    ends = self._ends_early if not self._hurry else self._ends
                    self._changed.wait_for(ends, wait)
                wait = min(2 * wait, LONGEST)
                continue
            wait, self.problem = FIRST, None
            with self._changed:
                self._done = due
                self._changed.notify_all()

    def _ends(self) -> bool:
        return self._closing

    def _ends_early(self) -> bool:
        return self._closing or self._hurry

    def _bring_up_to_date(self) -> None:
        if (ours := identity.own(self.out)) is not None:
            identity.check(ours, self.remote.identity(), self.remote.uri)
        if self._lasting is None:
            self._lasting = {name: self._stays(name) for name in self.remote.complete()}
        while (path := self._next()) is not None:
            began = time.monotonic()
            try:
                lasting = state.read(path).lasting
                self._put(path)
            finally:
                with self.lock:
                    self.uploading = None
                    folder.prune(self.out / FOLDER, self.keep)  # it was spared
            self._lasting[path.name] = lasting
            print(f"checkpoint {path.name} is at {self.remote.uri} after {time.monotonic() - began:.0f} s",
                  file=sys.stderr, flush=True)  # fmt: skip
        passing = sorted(name for name, lasting in self._lasting.items() if not lasting)
        for name in passing[: -self.keep]:
            self.remote.remove(name)
            del self._lasting[name]

    def _next(self) -> Path | None:
        """The checkpoint to upload now."""
        assert self._lasting is not None
        with self.lock:
            on_disk, old = complete(self.out / FOLDER), folder.outdated(self.out / FOLDER, self.keep)
            missing = [path for path in on_disk if path.name not in self._lasting and path not in old]
            if not missing or self._closing:
                return None
            path = missing[-1 if self._hurry else 0]
            self.uploading = path.name
        return path

    def _put(self, path: Path) -> None:
        argv = [
            sys.executable,
            "-P",
            "-m",
            "train.checkpoint.upload_process",
            self.remote.uri,
            str(path),
            str(self.out),
            str(os.getpid()),
        ]
        found = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(found)}
        with self._changed:
            if self._closing:
                raise RemoteError(self.remote.uri, RuntimeError("cut short"))
            self._process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True, env=environment)
        said = self._process.communicate()[1].strip().splitlines()
        if status := self._process.returncode:
            reason = said[-1].removeprefix(f"{self.remote.uri}: ") if said else f"the upload ended with status {status}"
            raise RemoteError(self.remote.uri, RuntimeError(reason))

    def _stays(self, name: str) -> bool:
        """Whether pruning must leave a remote checkpoint; one that cannot be understood is left."""
        try:
            return state.parse(self.remote.state(name), self.remote.uri).lasting
        except InputError:
            return True
