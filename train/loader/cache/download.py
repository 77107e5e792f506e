"""Downloads one file to a local path: retried with back-off, verified, and in place whole or not at all.

Streaming's downloaders speak to the remotes; this decides what their failures mean. A remote that fails is asked again
for as long as `Patience` lasts; a file that is missing, denied or damaged a few times only; a full disk is final. Files
are written beside their place, verified, flushed and renamed, so that a run that is killed leaves nothing half-written
under a name that the next one would trust.
"""

from __future__ import annotations

import errno
import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

import xxhash

from common import atomic_files
from train.loader.errors import DamagedSourceError, SourceError

log = logging.getLogger(__name__)
PART = ".part"
"""In the name of every unfinished file."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FINAL = {
    "404",
    "403",
    "401",
    "NoSuchKey",
    "NoSuchBucket",
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
}
_FINAL_TYPES = {
    "FileNotFoundError",
    "PermissionError",
    "NotFound",
    "Forbidden",
    "NoCredentialsError",
    "ResourceNotFoundError",
    "OfflineModeIsEnabled",
}
_FEW = 3
"""Attempts at what another attempt will hardly mend."""


class DamagedFileError(RuntimeError):
    """A file that is not what its index or manifest says."""


@dataclass(frozen=True)
class Patience:
    """How long to go on asking a remote that fails, in seconds. It must end before the ranks' collectives time out."""

    total: float = 300.0
    first: float = 0.5
    """Wait after the first failure; each further one is twice as long, give or take a quarter."""
    longest: float = 30.0


@dataclass(frozen=True)
class Order:
    """Names what is wanted, in the words of an error message."""

    what: str
    """`shard 'shard.00003.mds' of source 'text'`."""
    remote: str
    target: Path
    check: Callable[[Path], None]
    """Raises `DamagedFileError`."""


def fetch(
    order: Order, download: Callable[[str, str], None], patience: Patience, closing: Callable[[], bool] = lambda: False
) -> None:
    """Bring `order.remote` to `order.target`.

    Args:
        download: (remote, local path) -> None, as Streaming's downloaders have it.
        closing: asked while waiting; true ends the retries.

    Raises:
        SourceError: it cannot be had; names the file, why, and the remedy.
    """
    begun, attempt = time.monotonic(), 0
    while True:
        attempt += 1
        try:
            with atomic_files.new_file(order.target, shared=True) as part:
                download(order.remote, str(part))
                order.check(part)
            return
        except Exception as error:
            wait = min(patience.longest, patience.first * 2 ** (attempt - 1)) * random.uniform(0.75, 1.25)
            spent = time.monotonic() - begun
            over = spent + wait > patience.total or closing()
            _give_up_if_final(order, error, enough=over or attempt >= _FEW)
            if over:
                raise SourceError(
                    f"{order.what} cannot be fetched: {attempt} attempts in {spent:.0f} s, the last: {_line(error)}",
                    file=order.remote,
                    remedy="mend the remote, the network or the credentials and start the run again: "
                    "it goes on from its last checkpoint",
                ) from None
            log.warning("%s: attempt %d failed (%s); the next in %.1f s", order.what, attempt, _line(error), wait)
            _sleep(wait, closing)


def check_file(path: Path, size: int, digest: int) -> None:
    """Compare a file with its receipt. `digest`: xxh3-64.

    Raises:
        DamagedFileError: another size or digest.
        FileNotFoundError: there is none.
    """
    if (found := path.stat().st_size) != size:
        raise DamagedFileError(f"it has {found:,} bytes, the manifest says {size:,}")
    state = xxhash.xxh3_64()
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 22):
            state.update(block)
    if state.intdigest() != digest:
        raise DamagedFileError(f"its hash is {state.hexdigest()}, the manifest says {digest:016x}")


def check_samples(head: bytes, samples: int) -> None:
    """Compare the first bytes of an MDS file with the number of samples that it should have.

    Raises:
        DamagedFileError: another number: samples would be lost, or read from where there are none.
    """
    if (found := int.from_bytes(head[:4], "little")) != samples:
        raise DamagedFileError(f"it holds {found:,} samples, the manifest says {samples:,}")


def disk_full(what: str, target: Path) -> SourceError:
    """The error of a cache that has no room."""
    return SourceError(
        f"no room for {what} in the cache",
        file=target.parent,
        remedy="free some space, set `cache_limit` (bytes), or let `cache` name a larger disk",
    )


def is_disk_full(error: BaseException) -> TypeGuard[OSError]:
    """Whether a write failed for want of room (or of quota)."""
    return isinstance(error, OSError) and error.errno in _FULL


def _give_up_if_final(order: Order, error: Exception, *, enough: bool) -> None:
    if is_disk_full(error):
        raise disk_full(order.what, order.target) from None
    if not enough:
        return
    if isinstance(error, DamagedFileError):
        raise DamagedSourceError(
            f"{order.what} is damaged: {error}",
            file=order.remote,
            remedy="restore it, or write the dataset again with the dataprep job that made it",
        ) from None
    if _is_final(error):
        raise SourceError(
            f"{order.what} is missing or access is denied ({_line(error)})",
            file=order.remote,
            remedy="restore it, or correct `path` or the credentials",
        ) from None


def _is_final(error: Exception) -> bool:
    return answer_of(error) in _FINAL or any(kind.__name__ in _FINAL_TYPES for kind in type(error).__mro__)


def answer_of(error: Exception) -> str:
    """The code that a remote answered with, if it did: errors of S3 carry a dict, those of others a response."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return str(getattr(response, "status_code", ""))


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]


def _sleep(seconds: float, closing: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0 and not closing():
        time.sleep(min(left, 0.2))
