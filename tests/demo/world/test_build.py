"""A world is byte-identical each time, is made once, and is whole or absent."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import InputError
from demo.world import held_out
from demo.world.build import build
from demo.world.world import Options, World
from tests.helpers.folders import tree

_ARGUMENTS = ("--documents", "400", "--scenes", "64", "--conversations", "200", "--held-out", "24", "--seed", "11")


def test_byte_identical_in_another_process(world_root: Path, world: World, tmp_path: Path) -> None:
    again = tmp_path / "again"
    subprocess.run(
        [sys.executable, "-m", "demo.world", str(again), *_ARGUMENTS, "--port", str(world.port)],
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        capture_output=True,
    )
    assert tree(again) == tree(world_root)


def test_another_seed_gives_another_world(world_root: Path, options: Options, tmp_path: Path) -> None:
    other = tmp_path / "other"
    build(other, options.model_copy(update={"seed": 12}))
    first, second = tree(world_root), tree(other)
    for name in ("conversations/llava.json", "held_out/questions.json", "tokenizer/tokenizer.json"):
        assert first[name] != second[name]


def test_made_once(world_root: Path, options: Options, world: World) -> None:
    before = tree(world_root)
    assert build(world_root, options) is None
    assert build(world_root, options, world.port) is None
    assert tree(world_root) == before


def test_other_options_are_refused(world_root: Path, options: Options, world: World) -> None:
    with pytest.raises(InputError, match=r"scenes 64 \(asked for: 65\); give another directory"):
        build(world_root, options.model_copy(update={"scenes": 65}))
    with pytest.raises(InputError, match=rf"port {world.port} \(asked for"):
        build(world_root, options, world.port + 1)


def test_other_things_are_not_overwritten(tmp_path: Path, options: Options) -> None:
    (tmp_path / "thesis.tex").write_text("ten years of work")
    with pytest.raises(InputError, match="no world stands here"):
        build(tmp_path, options)
    with pytest.raises(InputError, match="no world stands here"):
        build(tmp_path / "thesis.tex", options)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_error_leaves_nothing(tmp_path: Path, options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> int:
        raise OSError("disk full")

    monkeypatch.setattr(held_out, "write", fail)
    with pytest.raises(OSError, match="disk full"):
        build(tmp_path / "world", options)
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_no_half_world_and_the_next_run_sweeps(tmp_path: Path, options: Options) -> None:
    out = tmp_path / "world"
    process = subprocess.Popen(
        [sys.executable, "-m", "demo.world", str(out), "--documents", "2000"], stdout=subprocess.DEVNULL
    )
    partial = tmp_path / f".world.{process.pid}.partial"
    deadline = time.monotonic() + 60
    while not (partial / "images").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=10)
    assert not out.exists()
    assert partial.exists()
    build(out, options)
    assert World.load(out).options == options
    assert [path.name for path in tmp_path.iterdir()] == ["world"]


def test_the_port_steps_over_one_that_is_taken(world: World, options: Options, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):  # taken by somebody else: all the better
            taken.bind(("127.0.0.1", world.port))
            taken.listen()
        made = build(tmp_path / "world", options.model_copy(update={"documents": 16}))
    assert made is not None
    assert made.port > world.port
