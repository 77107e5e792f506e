"""The command line of a package: one module a command."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from common import heartbeat
from common.command_line import command_line, run_command

COMMAND = """
HELP = "say it"
EXAMPLE = "example:\\n  python -m spoken say-it loud"
def configure(parser):
    parser.add_argument("how")
def run(options):
    return f"said {options.how}"
"""


@pytest.fixture
def spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    folder = tmp_path / "spoken_package/commands"
    folder.mkdir(parents=True)
    (folder / "say_it.py").write_text(COMMAND)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "spoken_package.commands.say_it"


def test_a_command_is_found_by_its_name(spoken: str) -> None:
    options = command_line("spoken", "Speaks.", {"say-it": spoken}).parse_args(["say-it", "loud"])
    assert options.run(options) == "said loud"


def test_what_follows_two_dashes_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = COMMAND.replace('return f"said {options.how}"', "print(options.how, options.rest)")
    (tmp_path / "hands_on.py").write_text(said + "HANDS_ON = True\n")
    (tmp_path / "keeps.py").write_text(said)
    monkeypatch.syspath_prepend(str(tmp_path))
    parser = command_line("spoken", "Speaks.", {"hand": "hands_on", "keep": "keeps"})
    assert run_command(parser, ["hand", "on", "--", "--master", "local"]) == 0
    assert capsys.readouterr().out == "on ['--master', 'local']\n"
    with pytest.raises(SystemExit, match="2"):
        run_command(parser, ["keep", "on", "--", "more"])
    assert "keep takes nothing after --" in capsys.readouterr().err


def test_help_teaches(spoken: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = command_line("spoken", "Speaks.", {"say-it": spoken})
    for argv, words in ((["--help"], ("Speaks.", "say it")), (["say-it", "--help"], ("say-it loud", "how"))):
        with pytest.raises(SystemExit, match="0"):
            parser.parse_args(argv)
        said = capsys.readouterr().out
        assert all(word in said for word in words)
    for argv in ([], ["shout"], ["say-it"]):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args(argv)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("import lm_eval_of_nobody", None),
        (
            "import os; os.listdir('/nowhere/at/all')",
            "error: /nowhere/at/all: No such file or directory; check",
        ),
        (
            "raise ModuleNotFoundError(name='torch.nn')",
            "error: torch is not installed; pip install 'switchpoint[train]",
        ),
        (
            "raise ModuleNotFoundError(name='pyspark')",
            "error: pyspark is not installed; pip install 'switchpoint[spark]",
        ),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    body: str, line: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A package that is no optional part of ours keeps its traceback."""
    name = f"mended_{abs(hash(body))}"
    (tmp_path / f"{name}.py").write_text(COMMAND.replace('return f"said {options.how}"', body))
    monkeypatch.syspath_prepend(str(tmp_path))
    parser = command_line("spoken", "Speaks.", {"say-it": name})
    if line is None:
        with pytest.raises(ModuleNotFoundError):
            run_command(parser, ["say-it", "loud"])
        return
    assert run_command(parser, ["say-it", "loud"]) == 2
    said = capsys.readouterr().err
    assert said.startswith(line)
    assert said.count("\n") == 1


@pytest.mark.parametrize(("more", "beats"), [([], True), (["--watch"], False)])
def test_a_command_that_takes_long_is_heard_of_and_one_that_watches_is_not(
    monkeypatch: pytest.MonkeyPatch, more: list[str], beats: bool
) -> None:
    module: Any = ModuleType("tests.beating")
    module.HELP, module.EXAMPLE = "h", "e"
    module.configure = lambda parser: parser.add_argument("--watch", action="store_true")
    found = []
    module.run = lambda options: found.append(heartbeat._current is not None)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    parser = command_line("p", "about", {"beat": module.__name__})
    assert run_command(parser, ["beat", *more]) == 0
    assert found == [beats]
    assert heartbeat._current is None
