"""The command line of a package: one module a command."""

from pathlib import Path

import pytest

from common.command_line import command_line

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
    return "spoken_package"


def test_a_command_is_found_by_its_name(spoken: str) -> None:
    options = command_line(spoken, "Speaks.", {"say-it": "say_it"}).parse_args(["say-it", "loud"])
    assert options.run(options) == "said loud"


def test_help_teaches(spoken: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = command_line(spoken, "Speaks.", {"say-it": "say_it"})
    for argv, words in ((["--help"], ("Speaks.", "say it")), (["say-it", "--help"], ("say-it loud", "how"))):
        with pytest.raises(SystemExit, match="0"):
            parser.parse_args(argv)
        said = capsys.readouterr().out
        assert all(word in said for word in words)
    for argv in ([], ["shout"], ["say-it"]):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args(argv)
