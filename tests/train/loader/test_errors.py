"""Tests of what keeps a rank from its data: how a worker ended is said with its remedy, and one rank reports it."""

import pickle
import signal

import pytest

from common.errors import InputError
from train.loader.errors import DamagedSourceError, Failure, SourceError, ended_by_another, lost_worker

GOES_ON = "; the same command goes on from the last checkpoint"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (3, "ended with exit status 3; look at what it said before"),
        (0, "ended with exit status 0; look at what it said before"),
        (-signal.SIGKILL, "was ended by signal 9 (SIGKILL); most likely memory ran out: use fewer `workers`, or give"),
        (-signal.SIGBUS, "was ended by signal 7 (SIGBUS); most likely /dev/shm is full: use fewer `workers`, or make"),
        (-signal.SIGSEGV, "was ended by signal 11 (SIGSEGV); a library failed: try `workers: 0`"),
        (-signal.SIGTERM, "was ended by signal 15 (SIGTERM); ask who sent it"),
        (-40, "was ended by signal 40 (unknown); ask who sent it"),
    ],
)
def test_how_a_worker_ended_and_what_to_do(status: int, said: str) -> None:
    message = str(lost_worker(1, 4711, status))
    assert message.startswith(f"workers: loader worker 1 (process 4711) {said}")
    assert message.endswith(GOES_ON)


def test_a_failure_crosses_from_a_worker_as_it_was_raised() -> None:
    error = DamagedSourceError("shard 1 is damaged", file="s3://bucket/text", remedy="restore it")
    arrived = pickle.loads(pickle.dumps(Failure(error))).error  # noqa: S301 - bytes of its own
    assert (type(arrived), str(arrived)) == (DamagedSourceError, str(error))
    assert isinstance(arrived, SourceError)
    assert isinstance(arrived, InputError)


def test_a_rank_whose_peer_ended_says_nothing_itself() -> None:
    assert ended_by_another().told_elsewhere
    assert not SourceError("x").told_elsewhere
    assert not lost_worker(0, 1, -9).told_elsewhere
