"""The report says whether what was tried is what the sweep file had registered."""

import json
import shutil

import pytest

from common import seal
from curriculum.__main__ import main
from curriculum.sweep_report.read_runs import read
from curriculum.sweep_report.registration import AS_REGISTERED

pytestmark = pytest.mark.slow  # every test draws the figures

CLAIMS = (
    "images from 80 % on beat images after the end", "images from the start on hurt vision",
    "10-20 % of images beat more", "images from the start on hurt text", "more text keeps text scores",
)  # fmt: skip


def register(swept, **changes):
    said = {"findings": list(CLAIMS), "tasks": ["vqav2", "pope", "loss-text"], "seeds": 2, **changes}
    file = swept.parent / "sweep.yaml"
    file.write_text(file.read_text().partition("registered:")[0] + f"registered: {json.dumps(said)}\n")
    told = seal.opened((swept / "sweep.json").read_text())
    assert main(["sweep", str(file), "-o", str(swept.parent / "again"), "--no-tree"]) == 0
    written = json.loads((swept.parent / "again/sweep.json").read_text())
    assert written["registered"] == said
    shutil.rmtree(swept.parent / "again")
    (swept / "sweep.json").write_text(json.dumps({**told, "registered": said}))


def test_as_registered(swept, capsys):
    register(swept)
    capsys.readouterr()
    assert main(["report", str(swept)]) == 0
    assert AS_REGISTERED in capsys.readouterr().out
    assert AS_REGISTERED in (swept / "report.html").read_text()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"findings": [*CLAIMS, "a frozen encoder is better"]},
            "Registered, but not tried: a frozen encoder is better.",
        ),
        ({"findings": list(CLAIMS[1:])}, f"Tried, but not registered: {CLAIMS[0]}."),
        ({"tasks": ["vqav2", "pope"]}, "Scored on loss-text, pope, vqav2; registered: pope, vqav2."),
        ({"seeds": 3}, "6 of 6 configurations do not have 3 scored seeds."),
    ],
)
def test_departures_are_named(swept, capsys, changes, said):
    register(swept, **changes)
    capsys.readouterr()
    assert main(["report", str(swept)]) == 0
    printed = capsys.readouterr().out
    assert "NOT as registered." in printed
    assert said in printed


def test_runs_that_lack_scores_are_counted(swept, capsys):
    register(swept)
    shutil.rmtree(read(swept).runs[0].folder / "scores")
    capsys.readouterr()
    assert main(["report", str(swept)]) == 0
    assert "1 of the registered runs are not scored." in capsys.readouterr().out


def test_another_sweep_than_the_file_says_is_not_registered(swept):
    register(swept)
    file, out = swept.parent / "sweep.yaml", swept.parent / "other"
    for options in (["--set", "share=20%"], ["--runs", "2"], ["--alone"]):
        assert main(["sweep", str(file), "-o", str(out), "--no-tree", *options]) == 0
        assert "registered" not in json.loads((out / "sweep.json").read_text())
        shutil.rmtree(out)
