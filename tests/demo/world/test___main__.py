"""The command teaches, reports and refuses in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import exit_code
from demo.world.__main__ import main
from demo.world.world import Options, World


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["demo.world", *arguments])
    return exit_code(main)


def test_help_names_every_option_and_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        _run(monkeypatch, "--help")
    assert caught.value.code == 0
    printed = capsys.readouterr().out
    for word in ("--documents", "--scenes", "--conversations", "--held-out", "--seed", "--port", "OUT/world.json"):
        assert word in printed


def test_makes_then_does_nothing_then_refuses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = str(tmp_path / "deep" / "world")
    sizes = ("--documents", "16", "--scenes", "32", "--conversations", "32", "--held-out", "4", "--port", "20002")
    assert _run(monkeypatch, out, *sizes) == 0
    assert "16 documents, 32 pairs, 32 conversations, 16 held-out questions" in capsys.readouterr().out
    world = World.load(out)
    assert world.port == 20002
    assert world.options == Options(documents=16, scenes=32, conversations=32, held_out=4)
    assert _run(monkeypatch, out, *sizes) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert _run(monkeypatch, out) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scenes", "0"), "--scenes: Input should be greater than or equal to 32"),
        (("--held-out", "9999"), "--held-out: Input should be less than or equal to 2000"),
        (("--port", "80"), "--port: no such port: 80"),
    ],
)
def test_bad_options(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    assert _run(monkeypatch, str(tmp_path / "world"), *arguments) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
