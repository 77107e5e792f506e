"""A worker that is lost is the reason of whatever came of it, however the rank happens to hear."""

import contextlib
import os
import signal
import time

import pytest

from tests.helpers import synthetic
from train.loader.data_loader import ScheduleLoader, _OutsideOfErrors
from train.loader.dataset import ScheduleDataset


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
