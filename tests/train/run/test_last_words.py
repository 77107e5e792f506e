"""A rank says why it ends before it closes anything, leaves though its closing hangs, and is heard if it should be."""

import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import os, signal, sys, time
from common.errors import InputError
from train.loader.errors import SourceError, ended_by_another
from train.run import last_words
last_words.LEAVE, last_words.STAND_BY = 1.0, 5.0
class Peers:
    def __init__(self, first, told=False):
        self.first_to_fail, self.told = lambda: first, lambda: told
    def tell(self):
        print("telling", flush=True)

words = last_words.LastWords()
error = {error}
if {broken!r} == "close":
    sys.stderr.close()
elif {broken!r} == "interrupt":
    def raises(*_):
        raise RuntimeError("DataLoader worker is killed")
    signal.signal(signal.SIGCHLD, raises)
    write = sys.stderr.write
    class Stderr:
        flush = sys.stderr.flush
        def write(self, words):
            os.kill(os.getpid(), signal.SIGCHLD)
            write(words)
    sys.stderr = Stderr()
try:
    words.say(error, {peers})
except RuntimeError as second:
    words.say(second)
words.say(RuntimeError("said later"))
print("closing", flush=True)
time.sleep({hang})
print("closed", flush=True)
sys.exit(words.end())
"""
HANG = 60


def rank(
    error: str, number: int = 1, hang: float = 0, ranks: int = 2, peers: str = "None", broken: str = ""
) -> subprocess.Popen[str]:
    env = {**os.environ, "LOCAL_RANK": str(number), "RANK": str(number), "WORLD_SIZE": str(ranks)}
    script = SCRIPT.format(error=error, hang=hang, peers=peers, broken=broken)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout is not None
    if not peers.startswith("Peers(first=True"):
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
@pytest.mark.parametrize("error", ["ended_by_another()", "InputError('met by all')"])
def test_who_has_nothing_new_to_say_leaves_it_to_the_other(number, status, error):
    """The launcher prints what a rank has written unless a signal ended it; rank 0 writes to the terminal itself."""
    process = rank(error, number, peers="Peers(first=False, told=True)")
    assert process.stdout.readline() == "closed\n"
    if number:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
    assert process.wait(20) == status
    assert process.communicate()[1] == ""


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("signalled", [True, False])
def test_who_waits_for_a_reason_that_nobody_gives_says_its_own(number, signalled):
    process = rank("ended_by_another()", number, peers="Peers(first=False, told=False)")
    assert process.stdout.readline() == "closed\n"
    if signalled:
        process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 2
    (line,) = process.communicate()[1].splitlines()
    assert line.startswith("error: another rank could not go on, and was ended before it said why; ")


@pytest.mark.parametrize("number", [0, 1])
def test_a_mistake_that_one_rank_meets_late_is_said_by_that_rank(number):
    """As the first of its node to fail, whatever its number: the others wait for it in a collective."""
    process = rank("InputError('row 1 is damaged')", number, hang=HANG, peers="Peers(first=True)")
    assert process.wait(20) == 2
    assert process.communicate() == ("telling\nclosing\n", "error: row 1 is damaged\n")


@pytest.mark.parametrize("broken", ["close", "interrupt"])
def test_no_rank_ends_in_silence(broken):
    """Its stderr is closed, or torch's handler of lost workers raises in the middle of what it says."""
    process = rank("RuntimeError('a bug')", 0, broken=broken)
    assert process.wait(20) == 1
    assert "RuntimeError: a bug\n" in process.communicate()[1]


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
