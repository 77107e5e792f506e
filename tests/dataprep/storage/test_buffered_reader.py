"""Streams over reads by position: every byte, in any order, and ahead where a file is read from front to back."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from common.errors import StorageError
from dataprep.storage.buffered_reader import stream

DATA = random.Random(3).randbytes(100_000)


@pytest.mark.parametrize("ahead", [False, True])
def test_any_order_of_reads_gives_the_files_bytes(ahead: bool) -> None:
    with ThreadPoolExecutor(2) as pool:
        for seed in range(30):
            dice = random.Random(seed)
            with stream(lambda at, n: DATA[at : at + n], len(DATA), 4096, pool if ahead else None) as file:
                for _ in range(60):
                    if dice.random() < 0.3:
                        file.seek(dice.randrange(len(DATA)))
                    at, size = file.tell(), dice.choice([1, 100, 4096, 10_000])
                    assert file.read(size) == DATA[at : at + size]
                at = file.tell()
                assert file.read() == DATA[at:]


def test_what_comes_next_is_fetched_by_another_thread_once() -> None:
    asked: list[tuple[int, int, bool]] = []
    main = threading.get_ident()

    def read_at(at: int, count: int) -> bytes:
        asked.append((at, count, threading.get_ident() == main))
        return DATA[at : at + count]

    with ThreadPoolExecutor(1) as pool, stream(read_at, len(DATA), 30_000, pool) as file:
        assert b"".join(iter(lambda: bytes(file.read(1000)), b"")) == DATA
    assert sorted(asked) == [
        (0, 30_000, True),
        (30_000, 30_000, True),
        (60_000, 30_000, False),
        (90_000, 10_000, False),
    ]


def test_a_failure_ahead_is_raised_where_the_bytes_are_asked_for() -> None:
    def read_at(at: int, count: int) -> bytes:
        if at >= 60_000:
            raise StorageError("down", file="f")
        return DATA[at : at + count]

    with ThreadPoolExecutor(1) as pool, stream(read_at, len(DATA), 30_000, pool) as file:
        assert file.read(59_000) == DATA[:59_000]
        with pytest.raises(StorageError, match="f: storage failed"):
            file.read(2000)
