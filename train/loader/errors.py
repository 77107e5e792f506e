"""Training data that cannot be read: the error, its way out of a worker process, and who reports it.

A loader worker that meets bad data hands a `Failure` down the line in place of a batch, so that the error arrives in
the rank's own process as it was raised, not wrapped in a worker's traceback. Ranks that meet the same bad shard agree
on one of them to report it; all of them end.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from common.errors import InputError


class SourceError(InputError):
    """A shard that is missing, damaged or out of reach; names shard, source and remedy."""

    told_elsewhere = False
    """Another rank of this node reports it."""


class DamagedSourceError(SourceError):
    """A shard that is not what its receipt says, or was written again since the receipt was read."""


class Failure(NamedTuple):
    """Stands in for a row or a batch."""

    error: InputError


def ended_by_another() -> SourceError:
    """The error of a rank whose peers are gone because one of them, which reports it, could not read its data."""
    error = SourceError("another rank cannot read its data")
    error.told_elsewhere = True
    return error


def reports(error: InputError) -> bool:
    """Whether this rank is the one to print `error`: what every rank meets is rank 0's to tell, data its finder's."""
    if isinstance(error, SourceError):
        return not error.told_elsewhere
    return os.environ.get("RANK", "0") == "0"
