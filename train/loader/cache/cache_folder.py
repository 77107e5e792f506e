"""Claims a folder of the cache, which belongs to one loader at a time.

Two jobs, or the training and the evaluation loader of one job, may be given the same cache directory. Each claims a
numbered folder in it by a file lock, which the kernel takes back when the process ends, however it ends: the next job
finds the folder free, with the shards in it still good. Nothing is shared, nothing is left locked, a restart is warm.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from itertools import count
from pathlib import Path

from common.errors import InputError
from common.file_lock import take
from train.loader.cache.download import PART

TABLE = "shards.npy"
"""A dataset's table of shards (`train.loader.sources.shard_table`), in its folder."""
_LOCK = ".lock"
_UNSUPPORTED = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
_held: set[int] = set()


class Slot:
    """A claimed folder: `path`. Hold on to it for as long as the folder is used."""

    def __init__(self, cache: Path) -> None:
        """Claim the first free folder in `cache`, and clear it of what a killed download left.

        Raises:
            InputError: `cache` cannot be written.
        """
        try:
            self.path, self._handle = _claim(cache)
        except OSError as error:
            raise InputError(
                f"cannot use the cache ({error.strerror})", file=cache, remedy="let `cache` name a writable directory"
            ) from None
        _held.add(self._handle)
        for leftover in self.path.glob(f"**/.*{PART}*"):
            leftover.unlink(missing_ok=True)

    def keep_only(self, folders: set[str]) -> None:
        """Remove the shards of datasets that are not among `folders`; anything that is no such folder stays."""
        for table in self.path.glob(f"*/{TABLE}"):
            if table.parent.name not in folders:
                shutil.rmtree(table.parent, ignore_errors=True)

    def release(self) -> None:
        """Let others have the folder."""
        if self._handle in _held:
            _held.discard(self._handle)
            os.close(self._handle)


def _claim(cache: Path) -> tuple[Path, int]:
    for number in count():
        path = cache / str(number)
        try:
            return path, take(path / _LOCK)
        except BlockingIOError:
            continue
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            own = cache / secrets.token_hex(6)  # no locks on this file system: a name that nobody else will pick
            own.mkdir()
            return own, os.open(own / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    raise AssertionError


def _forget_in_child() -> None:
    """A loader worker must not keep the claim of a rank that has died."""
    for handle in _held:
        os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_forget_in_child)
