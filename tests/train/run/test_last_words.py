"""A rank says why it ends before it closes anything, leaves though its closing hangs, and is heard if it should be."""

import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import sys, time
from common.errors import InputError
from train.loader.errors import SourceError, ended_by_another
from train.run import last_words
last_words.LEAVE, last_words.STAND_BY = 1.0, 5.0
words = last_words.LastWords()
error = {error}
words.say(error)
words.say(RuntimeError("said later"))
print("closing", flush=True)
time.sleep({hang})
print("closed", flush=True)
sys.exit(words.end())
"""
HANG = 60


def rank(error: str, number: int = 1, hang: float = 0, ranks: int = 2) -> subprocess.Popen[str]:
    env = {**os.environ, "LOCAL_RANK": str(number), "RANK": str(number), "WORLD_SIZE": str(ranks)}
    script = SCRIPT.format(error=error, hang=hang)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "closing\n"
    return process


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        ("SourceError('no shard')", 2, "error: no shard\n"),
        ("ValueError('a bug')", 1, "ValueError: a bug\n"),
    ],
)
def test_who_knows_the_reason_leaves_though_its_closing_hangs(error, status, said):
    process = rank(error, hang=HANG)
    begun = time.monotonic()
    _, words = process.communicate(timeout=30)
    assert time.monotonic() - begun < 20
    assert process.returncode == status
    assert words == said


def test_the_launchers_signal_does_not_silence_it():
    """A rank that a signal has ended is not heard: this one ends with its status."""
    process = rank("SourceError('no shard')", hang=HANG)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 2
    assert process.communicate()[1] == "error: no shard\n"


@pytest.mark.parametrize(("number", "status"), [(0, 2), (1, -signal.SIGTERM)])
def test_who_has_nothing_new_to_say_stands_by(number, status):
    process = rank("ended_by_another()", number)
    assert process.stdout.readline() == "closed\n"
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == status
    assert process.communicate()[1] == ""


def test_what_every_rank_meets_is_the_first_ones_to_say_at_once():
    first, second = rank("InputError('a mistake')", 0), rank("InputError('a mistake')", 1)
    assert first.wait(20) == 2
    assert second.poll() is None
    assert second.wait(20) == 2  # nobody ended it: it had failed alone, and is heard
    assert first.communicate()[1] == second.communicate()[1] == "error: a mistake\n"


def test_a_rank_that_is_alone_closes_in_peace():
    process = rank("SourceError('no shard')", 0, hang=3, ranks=1)
    assert process.communicate(timeout=30)[0] == "closed\n"
    assert process.returncode == 2
