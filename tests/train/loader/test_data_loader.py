"""Tests of the loader's batches, in the schedule's order whatever the workers, and of what is said of a lost worker."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest

from common.errors import InputError
from schemas.schedule import Schedule
from tests.helpers import synthetic
from train.loader.data_loader import ScheduleLoader, _OutsideOfErrors
from train.loader.dataset import ScheduleDataset
from train.loader.errors import SourceError
from train.loader.shared_memory import PLACE


@pytest.fixture
def schedule(tmp_path: Path) -> Schedule:
    return synthetic.schedule(tmp_path / "data", lengths=(16, 8, 13))


def dataset(schedule: Schedule, tmp_path: Path, start: int = 0) -> ScheduleDataset:
    return ScheduleDataset(schedule, 8, cache=str(tmp_path / "cache"), start=start)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_are_the_schedules_and_the_last_is_short(schedule: Schedule, tmp_path: Path, workers: int) -> None:
    data = dataset(schedule, tmp_path, start=8)
    found = [batch["positions"].tolist() for batch in ScheduleLoader(data, workers)]
    data.close()
    assert [len(batch) for batch in found] == [8, 8, 8, 5]
    assert [position for batch in found for position in batch] == list(range(8, 37))


@pytest.mark.parametrize("workers", [0, 1])
def test_bad_data_is_raised_in_the_rank_as_it_was_in_the_worker(
    schedule: Schedule, tmp_path: Path, workers: int
) -> None:
    (shard, *_) = sorted(Path(schedule.sources[0].path).glob("shard.*"))
    shard.write_bytes(shard.read_bytes()[:-1])
    data = dataset(schedule, tmp_path)
    with pytest.raises(SourceError, match=f"shard '{shard.name}' of source 'text' is damaged") as caught:
        list(ScheduleLoader(data, workers))
    assert "Traceback" not in str(caught.value)
    assert not caught.value.told_elsewhere, "the first rank of the node to fail reports it"
    data.close()


def test_a_mistake_and_a_bug_are_their_own_explanation(schedule: Schedule, tmp_path: Path) -> None:
    data = dataset(schedule, tmp_path)
    loader = ScheduleLoader(data, 0)
    assert loader.explained(InputError("a mistake")) is None
    assert loader.explained(ValueError("a bug")) is None
    data.close()


@pytest.fixture
def loader(tmp_path):
    dataset = ScheduleDataset(synthetic.schedule(tmp_path), 4, cache=str(tmp_path / "cache"))
    yield ScheduleLoader(dataset, 1)
    dataset.close()


def _die_later() -> None:
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("error", [EOFError(), ConnectionResetError(104, "reset"), RuntimeError("broken")])
def test_a_connection_that_breaks_before_its_process_has_ended(loader, error):
    process = loader.multiprocessing_context.Process(target=_die_later)
    process.start()
    found = loader.explained(error)
    assert str(found).startswith(f"workers: loader worker 0 (process {process.pid}) was ended by signal 9 (SIGKILL)")
    assert not found.told_elsewhere


class _TooLarge:
    """Finds no room in shared memory when it is sent, in torch's words."""

    def __reduce__(self):
        raise RuntimeError("unable to write to file </torch_14_3_5>: No space left on device (28)")


def test_a_batch_for_which_shared_memory_has_no_room_is_told_in_its_place(loader):
    """torch's own queue would drop it, and the rank would wait for it for ever."""
    results = loader.multiprocessing_context.Queue()
    results.put((7, _TooLarge()))
    number, failure = results.get(timeout=60)
    assert number == 7
    assert str(failure.error).startswith("/dev/shm: workers: shared memory is full (")
    results.put((8, "a batch"))
    assert results.get(timeout=60) == (8, "a batch")


class _Stuck:
    """Leaves the name of a block: at first with an error, then half-way into making it."""

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        (PLACE / f"torch_{os.getpid()}_{self.number}").touch()
        if not self.number:
            raise RuntimeError("unable to write to file </torch_14_3_5>: No space left on device (28)")
        time.sleep(600)


def test_no_name_of_a_block_is_left_in_a_full_shared_memory(loader, monkeypatch):
    numbers = iter(range(9))
    loader.collate_fn = lambda rows: _Stuck(next(numbers))
    heard = loader._first

    def first(error):
        """Hear of the first block only when the second has its name."""
        (worker,) = loader.multiprocessing_context.started
        until = time.monotonic() + 60
        while not list(PLACE.glob(f"torch_{worker.pid}_1")):
            assert time.monotonic() < until
            time.sleep(0.01)
        return heard(error)

    monkeypatch.setattr(loader, "_first", first)
    with pytest.raises(SourceError, match="shared memory is full"):
        list(loader)
    (worker,) = loader.multiprocessing_context.started
    worker.join(60)
    assert not list(PLACE.glob(f"torch_{worker.pid}_*"))


def test_a_peer_that_is_gone_without_a_word(loader, monkeypatch):
    message = "[/pytorch/gloo/transport/tcp/pair.cc:534] Connection closed by peer [127.0.0.1]"
    monkeypatch.setattr("train.loader.data_loader._HEARD", 0.1)
    assert loader.explained(RuntimeError("a bug")) is None
    found = loader.explained(RuntimeError(message))
    assert f"another rank is gone without a word ({message}); the launcher's lines say how" in str(found)
    assert loader.explained(RuntimeError(message)).told_elsewhere, "once a node"


def test_a_lost_worker_does_not_interrupt_what_is_said_of_another_error(loader):
    """torch's handler raises wherever the rank is; in an `except` it would take the first error's place."""
    batches = iter(loader)
    next(batches)
    (worker,) = loader.multiprocessing_context.started
    try:
        raise ValueError("first")
    except ValueError:
        os.kill(worker.pid, signal.SIGKILL)
        worker.join(20)
        time.sleep(0.1)
    calls = []
    outside = _OutsideOfErrors(lambda number, frame: calls.append(number))
    with contextlib.suppress(ValueError):
        try:
            raise ValueError
        finally:
            outside(signal.SIGCHLD, None)
    assert not calls
    outside(signal.SIGCHLD, None)
    assert calls == [signal.SIGCHLD], "where nothing else has failed, it raises"
