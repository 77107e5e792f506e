"""Names what keeps a rank from its data, gets it out of a worker process, and settles which rank reports it.

A loader worker that meets bad data hands a `Failure` down the line in place of a batch, so that the error arrives in
the rank's own process as it was raised, not wrapped in a worker's traceback. Ranks that meet the same bad shard agree
on one of them to report it; all of them end.
"""

from __future__ import annotations

import signal
from typing import NamedTuple

from common.errors import InputError


class SourceError(InputError):
    """Data that this rank cannot have: a shard that is missing, damaged or out of reach; a worker that was lost."""

    told_elsewhere = False
    """Another rank of this node reports it."""


class DamagedSourceError(SourceError):
    """A shard that is not what its receipt says, or was written again since the receipt was read."""


class Failure(NamedTuple):
    """Stands in for a row or a batch."""

    error: InputError


def ended_by_another() -> SourceError:
    """The error of a rank whose peers are gone because one of them, which reports why, cannot go on."""
    error = SourceError("another rank could not go on, and was ended before it said why", remedy=_HOW)
    error.told_elsewhere = True
    return error


def is_broken_collective(error: BaseException) -> bool:
    """Whether `error` came of a collective that another rank has left; gloo's errors have no class of their own."""
    signs = ("/gloo/", "Connection closed by peer", "Connection reset by peer", "Broken pipe")
    named = any(base.__name__ == "DistError" for base in type(error).__mro__)  # torch's, which is not imported here
    return isinstance(error, RuntimeError) and (named or any(sign in str(error) for sign in signs))


def lost_peer(error: RuntimeError) -> SourceError:
    """The error of a rank whose collective broke by `error`, when no rank of its node says why."""
    found = str(error).strip().splitlines()[:1]
    return SourceError(f"another rank is gone without a word ({''.join(found)})", remedy=_HOW)


def lost_worker(number: int, process: int, status: int) -> SourceError:
    """The error of a rank one of whose loader workers has ended.

    Args:
        number: of the worker.
        process: its id.
        status: its exit status; negative: the signal that ended it.
    """
    if status >= 0:
        how, remedy = f"ended with exit status {status}", "look at what it said before"
    else:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else "unknown"
        how, remedy = f"was ended by signal {-status} ({name})", _REMEDIES.get(-status, "ask who sent it")
    return SourceError(
        f"loader worker {number} (process {process}) {how}",
        field="workers",
        remedy=f"{remedy}; the same command goes on from the last checkpoint",
    )


_HOW = (
    "the launcher's lines say how the ranks ended (-9: most likely memory ran out); the same command goes on from the "
    "last checkpoint"
)
_REMEDIES: dict[int, str] = {
    signal.SIGKILL: "most likely memory ran out: use fewer `workers`, or give the job more memory",
    signal.SIGBUS: "most likely /dev/shm is full: use fewer `workers`, or make it larger (docker run --shm-size)",
    signal.SIGSEGV: "a library failed: try `workers: 0`",
}
