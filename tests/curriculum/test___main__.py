"""The command line as a whole: help that teaches, one line and a status for what users can mend."""

import subprocess
import sys
from pathlib import Path

import pytest

from curriculum.__main__ import COMMANDS, main
from tests.helpers.commands import command_environment

Capture = pytest.CaptureFixture[str]


def test_every_command_teaches_by_example(capsys: Capture) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
        said = capsys.readouterr().out
        assert "example:" in said
        assert f"python -m curriculum {command}" in said


def test_a_missing_file_is_one_line_and_status_2(base: Path, capsys: Capture) -> None:
    assert main(["compile", "none.yaml"]) == 2
    said = capsys.readouterr().err
    assert said == "error: none.yaml: cannot read the file (No such file or directory); check the path\n"


BAD = """\
seed: 7
global_batch: 32
trunk: 1_280_000
sources:
  text: {path: text}
  pairs: {path: pairs, exhausted: repeat, max_passes: 4}
learning_rate: {peak: 3e-3, warmup: 10 steps, shape: cosine}
phases:
"""


@pytest.mark.parametrize(
    ("phases", "said"),
    [
        (["for: 500_000, mix: {text: 0.8, pairs: 0.1}"], "c.yaml:9: phases[0].mix: shares sum to 0.9 instead of 1"),
        (
            ["until: 500_000, mix: {text: 1}", "until: 400_000, mix: {text: 1}"],
            "c.yaml:10: phases[1].until: phase 'p1' overlaps the one before",
        ),
        (
            ["until: 500_000, mix: {text: 1}", "until: 500_000, mix: {text: 1}"],
            "c.yaml:10: phases[1].until: phase 'p1' is empty",
        ),
        (["for: 500_000, mix: {text: 0.8, images: 0.2}"], "c.yaml:9: phases[0].mix.images: unknown source 'images'"),
        (
            ["for: 500_000, mix: {text: 1}, learning_rate: {peak: 1e-3, shape: linear, over: 10%}"],
            "c.yaml:9: phases[0].learning_rate.over: the learning rate is at its end 128,000 tokens into the run",
        ),
        (
            ["for: 500_000, mix: {from: {text: 1.2, pairs: -0.2}, to: {text: 0, pairs: 1}}"],
            "c.yaml:9: phases[0].mix.from.text: a share of 1.2 is outside 0 to 1",
        ),
        (
            ["for: 500_000, mix: {from: {text: 1}, to: {text: 0}}"],
            "c.yaml:9: phases[0].mix.to: shares sum to 0 instead of 1",
        ),
        (
            ["for: 1_000_000_000_000_000_000, mix: {text: 1}"],
            "c.yaml:9: phases[0].for: '1000000000000000000' is longer",
        ),
        (["for: 50M, mix: {text: 1}"], "c.yaml:5: sources.text.exhausted: 'text' has 20,000 samples, phase 'p0' wants"),
    ],
)
def test_bad_input_is_one_line_with_file_line_key_and_remedy(
    base: Path, phases: list[str], said: str, capsys: Capture
) -> None:
    text = BAD + "".join(f"  - {{name: p{number}, {phase}}}\n" for number, phase in enumerate(phases))
    Path("c.yaml").write_text(text)
    assert main(["compile", "c.yaml", "-o", "out.json"]) == 2
    answered = capsys.readouterr()
    assert said in answered.err
    assert answered.out == ""
    assert answered.err.startswith("error: ")
    assert answered.err.count("\n") == 1
    assert "; " in answered.err, "no remedy"
    assert not Path("out.json").exists()


def test_files_that_extend_each_other(base: Path) -> None:
    Path("a.yaml").write_text("extends: b.yaml\n")
    Path("b.yaml").write_text("extends: a.yaml\n")
    command = [sys.executable, "-m", "curriculum", "compile", "a.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, env=command_environment(), check=False)
    assert done.returncode == 2
    circle = "files extend each other in a circle: a.yaml -> b.yaml -> a.yaml; remove one of the links"
    assert done.stderr == f"error: b.yaml:1: extends: {circle}\n"


def test_a_reader_that_has_seen_enough_is_no_error(base: Path) -> None:
    main(["compile", str(base), "-o", "s.json"])
    command = f"{sys.executable} -m curriculum explain s.json --step 0 | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, env=command_environment(), check=True
    )
    assert done.stderr == ""
    assert done.stdout.startswith("step 0")


def test_an_output_that_cannot_be_written_is_one_line(base: Path, capsys: Capture) -> None:
    Path("folder").mkdir()
    Path("file").touch()
    for output in ("folder", "file/schedule.json"):
        assert main(["compile", str(base), "-o", output]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert said.startswith("error: f")
        assert "check the path" in said
    assert not list(Path().glob(".*.partial"))


STUDY = """\
parameters: {peak: 1e-2, switch: 80%, image_share: 10%}
seed: 7
global_batch: 32
trunk: 1_280_000
sources:
  text: {path: text}
  pairs: {path: pairs, exhausted: repeat, max_passes: 4}
learning_rate: {peak: "${peak}", warmup: 10 steps, shape: cosine, over: 100%}
phases:
  - {name: text, until: "${switch}", mix: {text: 1}, may_be_empty: true}
  - {name: image-text, for: 256K, mix: {text: rest, pairs: "${image_share}"}, learning_rate: {continue: cosine}}
"""
SOLVED = STUDY.replace("switch: 80%", "image_part: 10%, switch: '${(1 - image_part / image_share) * 100%}'")


@pytest.mark.parametrize(
    ("text", "value", "said", "remedy"),
    [
        (STUDY, "peak=1e-2x", "c.yaml:8: learning_rate.peak: '1e-2x' is no learning rate", "such as 3e-3"),
        (STUDY, "peak=-1", "c.yaml:8: learning_rate.peak: '-1' is no learning rate", "a number from 0 up"),
        (STUDY, "peak=.nan", "c.yaml:8: learning_rate.peak: 'nan' is no learning rate", "a number from 0 up"),
        (STUDY, "image_share=-5%", "c.yaml:11: phases[1].mix.pairs: a share of -5% is outside 0 to 1", "sum to 1"),
        (STUDY, "switch=120%", "c.yaml:10: phases[0].until: 'text' ends at 120% of the trunk", "end it at 100%"),
        (SOLVED, "image_share=0", "parameters.switch: cannot work out", "(image_part = 10%, image_share = 0); change"),
        (SOLVED, "image_share=-5%", "parameter 'image_share' is '-5%'", "give image_share an amount from 0 up"),
        (SOLVED, "image_share=5%", "comes to -100%, less than nothing", "change one of its parameters"),
    ],
)
def test_values_of_a_study_that_cannot_be(
    base: Path, text: str, value: str, said: str, remedy: str, capsys: Capture
) -> None:
    Path("c.yaml").write_text(text)
    assert main(["compile", "c.yaml", "--set", value, "-o", "out.json"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert remedy in line
    assert not Path("out.json").exists()


def test_a_share_of_nothing_is_a_run_without_images(base: Path) -> None:
    Path("c.yaml").write_text(STUDY)
    assert main(["compile", "c.yaml", "--set", "image_share=0", "-o", "out.json"]) == 0
