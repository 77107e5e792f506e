"""`check`: supply, shares, cost, and an exit status that a script can use."""

import re
from pathlib import Path

import pytest

from curriculum.__main__ import main

Capture = pytest.CaptureFixture[str]


def test_says_whether_the_data_lasts(base: Path, capsys: Capture) -> None:
    assert main(["check", str(base), "--tokens-per-second", "1000", "--gpus", "2", "--price", "3"]) == 0
    said = capsys.readouterr().out
    assert "0.3789 GPU-hours, 0.1894 hours on 2 GPUs, 1.137 at 3 a GPU-hour" in said
    assert re.search(r"image-text +text +85 % +88.3117 % +100 % +0 %", said)
    assert re.search(r"\n +pairs +15 % +11.6883 % +0 % +100 %", said)
    assert "the data lasts" in said
    base.write_text(base.read_text().replace("exhausted: repeat, max_passes: 4", "exhausted: reweight"))
    assert main(["check", str(base), "--set", "share=60%"]) == 1
    said = capsys.readouterr().out
    assert "a source runs out on the way" in said
    assert "'pairs' runs out at token 1,237,376 (sample 9,667); its share goes to the others" in said
    assert main(["check", str(base), "--set", "share=160%"]) == 2


def test_a_pass_ends_where_the_table_says(base: Path, capsys: Capture) -> None:
    assert main(["check", str(base), "--set", "epochs=3"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("chat"))
    assert row.split()[-4:] == ["1.323", "M,", "1.365", "M"]  # 10,000 + 333 and + 666 samples of 128 tokens


@pytest.mark.parametrize("options", [["--price", "2"], ["--gpus", "0"], ["--tokens-per-second", "-1"]])
def test_options_without_a_meaning_are_refused(base: Path, options: list[str], capsys: Capture) -> None:
    try:
        status = main(["check", str(base), *options])
    except SystemExit as refused:  # argparse's own
        status = int(str(refused.code))
    assert status == 2
    assert options[0] in capsys.readouterr().err


def test_passes_beyond_those_shown_are_counted(base: Path, capsys: Capture) -> None:
    base.write_text(base.read_text().replace("max_passes: 8", "max_passes: 20"))
    assert main(["check", str(base), "--set", "epochs=12"]) == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("chat"))
    assert row.endswith(", 3 more")  # 12 passes but for the last, partial step
