"""Files reach rank 0 as they were; whoever fails, the other comes to its end and says why."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed
import xxhash

from train.checkpoint import tensor_file
from train.checkpoint.relay import File, Relay
from train.checkpoint.tensor_file import TensorFiles
from train.checkpoint.writing import Writing

SENDERS = frozenset({1})
HALVES = [{f"m-{n}": File({"w": torch.randn(30, 4)}, {"w": (30 * n, 60)})} for n in (0, 1)]


@pytest.fixture
def pair(monkeypatch: pytest.MonkeyPatch) -> list[Relay]:
    """The ends of a way from rank 1 to rank 0, both in this process; blocks are small, so that there are many."""
    monkeypatch.setattr(tensor_file, "BLOCK", 64)
    store, groups = torch.distributed.HashStore(), [None, None]

    def join(rank: int) -> None:
        groups[rank] = torch.distributed.ProcessGroupGloo(store, rank, 2, timedelta(seconds=120))

    both(lambda: join(0), lambda: join(1))
    return [Relay(group, rank, SENDERS) for rank, group in enumerate(groups)]


def both(*runs: Callable[[], Any]) -> list[Any]:
    """What each returns or raises, run at the same time."""
    found: list[Any] = [None] * len(runs)

    def run(number: int) -> None:
        try:
            found[number] = runs[number]()
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    return found


def test_files_arrive_to_the_byte(pair: list[Relay], tmp_path: Path) -> None:
    files = {"a": HALVES[1]["m-1"], "empty": File({}, {})}
    _, told = both(lambda: pair[1].send(files, lambda: False), lambda: pair[0].receive(1, tmp_path))
    for name, (tensors, cuts) in files.items():
        expected = tensor_file.write(tensors, tmp_path / "expected", cuts)
        assert told[name] == expected == xxhash.xxh3_128_hexdigest((tmp_path / name).read_bytes())


def test_a_save_ends_on_both_ranks_and_the_next_one_too(pair: list[Relay], tmp_path: Path) -> None:
    for number in (1, 2):
        partial, told = tmp_path / f".{number}.partial", {}
        sending = Writing(tmp_path / "elsewhere", HALVES[1], 1, relay=pair[1])
        writing = Writing(partial, HALVES[0], 0, told.update, (0, 1), pair[0])
        assert writing.wait(120)
        assert sending.wait(120)
        assert (writing.status, sending.status) == ("ended", "ended"), (writing.problem, sending.problem)
        assert sorted(told) == ["m-0", "m-1"] == sorted(path.name for path in partial.iterdir())
        assert len(TensorFiles([partial / "m-0", partial / "m-1"])["w"]) == 60
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("where", ["its own file", "what it is sent"])
def test_a_disk_that_takes_no_more_ends_both_and_the_next_save_succeeds(
    pair: list[Relay], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    partial = tmp_path / ".x.partial"
    partial.mkdir()
    (partial / ("m-0" if where == "its own file" else "m-1")).mkdir()  # nothing can be written there
    sending = Writing(tmp_path / "elsewhere", HALVES[1], 1, relay=pair[1])
    writing = Writing(partial, HALVES[0], 0, lambda _: pytest.fail("not complete"), (0, 1), pair[0])
    assert writing.wait(120)
    assert sending.wait(120)
    assert writing.status == "failed"
    assert "Is a directory" in str(writing.problem)
    test_a_save_ends_on_both_ranks_and_the_next_one_too(pair, tmp_path)


def test_a_sender_that_gives_up_says_so(pair: list[Relay], tmp_path: Path) -> None:
    answers = iter([False, False, False])
    sent, told = both(
        lambda: pair[1].send(HALVES[1], lambda: next(answers, True)), lambda: pair[0].receive(1, tmp_path)
    )
    assert isinstance(sent, OSError)
    assert str(told) == "rank 1 could not send its part"
    test_files_arrive_to_the_byte(pair, tmp_path)


def test_what_changes_on_the_way_is_refused(pair: list[Relay], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = Relay._blocks

    def flipped(self: Relay, sender: int, most: int | None = None):
        for block in sound(self, sender, most):
            if most is None:
                block[0] ^= 1
            yield block

    monkeypatch.setattr(Relay, "_blocks", flipped)
    _, told = both(lambda: pair[1].send(HALVES[1], lambda: False), lambda: pair[0].receive(1, tmp_path))
    assert str(told) == "m-1 of rank 1 arrived otherwise than it was sent"
