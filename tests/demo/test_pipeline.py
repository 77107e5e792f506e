"""Stages in a work folder: each runs once, a changed one and all after it again, and a failed one stops the rest."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import InputError
from common.file_lock import exclusive
from demo import pipeline, processes
from demo.stages import Stage


def stage(name: str, code: str = "", also: str = "") -> Stage:
    """A stage that leaves a line in the file `log`, then runs `code`."""
    program = f"open('log', 'a').write('{name}\\n')\n{code}"
    return Stage(name, f"do {name}", (sys.executable, "-c", program), also=also)


def run(work: Path, *stages: Stage) -> int:
    return pipeline.run(work, stages, "make again", lambda: 7)


def log(work: Path) -> list[str]:
    text = (work / "log").read_text().split() if (work / "log").exists() else []
    (work / "log").unlink(missing_ok=True)
    return text


@pytest.fixture(autouse=True)
def handler() -> object:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_what_is_done_is_left_out(tmp_path: Path) -> None:
    assert run(tmp_path, stage("a"), stage("b")) == 7
    assert log(tmp_path) == ["a", "b"]
    assert run(tmp_path, stage("a"), stage("b"), stage("c")) == 7
    assert log(tmp_path) == ["c"]
    assert run(tmp_path, stage("a"), stage("b", also="changed"), stage("c")) == 7
    assert log(tmp_path) == ["b", "c"]
    (tmp_path / ".stages/b").write_text("")
    assert run(tmp_path, stage("a"), stage("b", also="changed"), stage("c")) == 7
    assert log(tmp_path) == ["b"], "a stamp that was lost costs its own stage alone"


def test_a_failure_stops_and_is_tried_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = stage("b", "raise SystemExit(5)")
    assert run(tmp_path, stage("a"), broken, stage("c")) == pipeline.EXIT_FAILED
    assert log(tmp_path) == ["a", "b"]
    assert run(tmp_path, stage("a"), broken, stage("c")) == pipeline.EXIT_FAILED
    assert log(tmp_path) == ["b"]


def test_asked_to_end_it_goes_on_later(tmp_path: Path) -> None:
    def ask() -> None:
        for _ in range(1200):
            if (tmp_path / "log").exists() and "b" in (tmp_path / "log").read_text():
                break
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=ask)
    asking.start()
    assert run(tmp_path, stage("a"), stage("b", "import time; time.sleep(120)")) == pipeline.EXIT_INTERRUPTED
    asking.join()
    assert log(tmp_path) == ["a", "b"]
    assert run(tmp_path, stage("a"), stage("b", also="quick")) == 7
    assert log(tmp_path) == ["b"]


def test_one_at_a_time_in_a_folder(tmp_path: Path) -> None:
    with exclusive(tmp_path / ".lock", "demo"), pytest.raises(InputError, match="another demo runs in this folder"):
        run(tmp_path, stage("a"))
    assert log(tmp_path) == []


def test_a_dry_run_runs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipeline.show([stage("a")])
    assert capsys.readouterr().out.startswith("# do a\n")
    assert log(tmp_path) == []


def test_what_was_fetched_from_a_server_that_ended_is_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its rows would be failures for good: a download does not ask again for what it has an answer to."""
    up = [False, True]

    @contextlib.contextmanager
    def images(work: Path, env: dict[str, str], *, wanted: bool) -> Iterator[Callable[[], bool]]:
        yield (lambda: up.pop(0)) if wanted else lambda: True

    monkeypatch.setattr(pipeline, "images", images)
    fetch = "import os; os.makedirs('got', exist_ok=True); open('got/x', 'a').write('x')"
    fetching = replace(stage("b", fetch), fetched="got")
    assert run(tmp_path, stage("a"), fetching, stage("c")) == pipeline.EXIT_FAILED
    assert "the image server ended meanwhile" in capsys.readouterr().err
    assert not (tmp_path / "got").exists()
    assert run(tmp_path, stage("a"), fetching, stage("c")) == 7
    assert log(tmp_path) == ["a", "b", "b", "c"]
    assert (tmp_path / "got/x").read_text() == "x"


def test_a_server_is_seen_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with processes.running(
        ["sh", "-c", "echo up; exec sleep 60"], cwd=tmp_path, env=dict(os.environ), stdout=-1
    ) as one:
        monkeypatch.setattr(processes, "running", lambda argv, **more: contextlib.nullcontext(one))
        monkeypatch.setattr(pipeline, "WorldServer", contextlib.nullcontext)
        with pipeline.images(tmp_path, {}, wanted=True) as is_up:
            assert is_up()
            one.kill()
            one.wait(60)
            assert not is_up()
