"""Several ranks write one folder in the background: it is complete when all have, and gone when one cannot."""

import threading
import time

import pytest
import torch

from common.errors import InputError
from train.checkpoint import tensor_file
from train.checkpoint.tensor_file import TensorFiles
from train.checkpoint.writing import File, Writing

HALVES = [
    {f"m-{rank}.safetensors": File({"w": torch.full((2, 3), float(rank))}, {"w": (2 * rank, 4)})} for rank in (0, 1)
]


def test_rank_0_completes_it_when_the_others_have_written(tmp_path):
    partial, told = tmp_path / ".x.partial", {}
    first = Writing(partial, HALVES[0], 0, told.update, (0, 1))
    assert not first.wait(0.3)
    assert first.status == "writing"
    second = Writing(partial, HALVES[1], 1)
    assert first.wait(30)
    assert second.wait(30)
    assert (first.status, second.status) == ("ended", "ended")
    assert sorted(told) == sorted(path.name for path in partial.iterdir()) == ["m-0.safetensors", "m-1.safetensors"]
    assert TensorFiles(sorted(partial.iterdir()))["w"].tolist() == [[0.0] * 3] * 2 + [[1.0] * 3] * 2


def test_a_rank_that_only_looks_on_writes_nothing(tmp_path):
    looking = Writing(tmp_path / "partial", {}, 3)
    assert looking.wait(30)
    assert looking.status == "ended"
    assert not (tmp_path / "partial").exists()


def test_rank_0_gives_up_when_another_cannot_write(tmp_path, monkeypatch):
    partial, sound = tmp_path / ".x.partial", tensor_file.write

    def full(tensors, file, *rest):
        if file.name == "m-1.safetensors":
            file.touch()
            raise OSError("No space left on device")
        return sound(tensors, file, *rest)

    monkeypatch.setattr(tensor_file, "write", full)
    first = Writing(partial, HALVES[0], 0, lambda _: pytest.fail("not complete"), (0, 1))
    second = Writing(partial, HALVES[1], 1)
    assert second.wait(30)
    assert (second.status, second.problem) == ("failed", "No space left on device")
    assert not (partial / "m-1.safetensors").exists()
    assert first.status == "writing"
    first.give_up()
    assert first.wait(30)
    assert first.status == "failed"
    assert not partial.exists()


def test_a_write_that_is_given_up_ends_soon(tmp_path, monkeypatch):
    asked = threading.Event()

    def slow(tensors, file, cuts, cut_short):
        asked.set()
        while not cut_short():
            time.sleep(0.01)
        raise OSError("given up")

    monkeypatch.setattr(tensor_file, "write", slow)
    writing = Writing(tmp_path / "partial", HALVES[0], 1)
    assert asked.wait(30)
    writing.give_up()
    assert writing.wait(30)
    assert writing.status == "failed"


def test_any_error_at_the_end_is_a_failure_with_its_reason(tmp_path):
    def finish(_):
        raise InputError("says of no run which it is", file="run.json")

    writing = Writing(tmp_path / "partial", HALVES[0], 0, finish, (0,))
    assert writing.wait(30)
    assert writing.status == "failed"
    assert writing.problem is not None
    assert "says of no run which it is" in writing.problem
    assert not (tmp_path / "partial").exists()
