"""The books are one for all processes of a node, changes exclude each other, and nothing is left when they end."""

import os
import subprocess
import sys
import threading
from multiprocessing import get_context

import numpy as np

from train.loader.cache.ledger import ABSENT, PRESENT, Ledger

TURNS = 300


def count(ledger: Ledger) -> None:
    """What would lose counts if two did it at once."""
    for _ in range(TURNS):
        with ledger.locked():
            before = ledger.usage
            ledger.times[0] += np.uint64(1)
            ledger.usage = before + 1


def test_threads_workers_and_other_ranks_count_together():
    ledger = Ledger.create(3)
    assert (ledger.states == ABSENT).all()
    rank = f"""
from tests.train.loader.cache.test_ledger import count
from train.loader.cache.ledger import Ledger
count(Ledger.attach({ledger.path!r}, 3))
"""
    other = subprocess.Popen([sys.executable, "-c", rank])
    workers = [get_context("fork").Process(target=count, args=(ledger,)) for _ in range(2)]
    threads = [threading.Thread(target=count, args=(ledger,)) for _ in range(2)]
    for one in (*workers, *threads):
        one.start()
    for one in (*workers, *threads):
        one.join()
    assert other.wait(60) == 0
    assert (ledger.usage, int(ledger.times[0])) == (5 * TURNS, 5 * TURNS)
    ledger.close()


def test_a_process_that_is_killed_gives_the_lock_back():
    ledger = Ledger.create(1)
    taken = get_context("fork").Event()

    def hold() -> None:
        with ledger.locked():
            taken.set()
            threading.Event().wait()

    worker = get_context("fork").Process(target=hold)
    worker.start()
    assert taken.wait(20)
    worker.kill()
    worker.join()
    with ledger.locked():
        ledger.states[0] = PRESENT
    ledger.close()


def test_one_rank_of_all_is_the_first_to_fail():
    ledger = Ledger.create(1)
    other = Ledger.attach(ledger.path, 1)
    assert not other.failed
    assert ledger.claim_failure()
    assert other.failed
    assert not other.claim_failure()
    assert not ledger.told
    ledger.tell()
    assert other.told
    assert other.failed
    assert not other.claim_failure()
    assert other.told, "a later claim does not take back what was said"
    handles = set(os.listdir("/proc/self/fd"))
    for one in (ledger, other):
        one.close()
        one.close()
    assert len(handles - set(os.listdir("/proc/self/fd"))) >= 2
