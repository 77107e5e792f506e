"""The commands as a user types them: what they write, print and return."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from curriculum.__main__ import COMMANDS, main
from curriculum.compiler import compile_curriculum
from curriculum.document import Template, setting
from schemas.compare import compare
from schemas.schedule import Schedule

Capture = pytest.CaptureFixture[str]


def test_every_command_teaches_by_example(capsys: Capture) -> None:
    for command in COMMANDS:
        with pytest.raises(SystemExit) as caught:
            main([command, "--help"])
        assert caught.value.code == 0
        said = capsys.readouterr().out
        assert "example:" in said
        assert f"python -m curriculum {command}" in said


def test_compile_writes_schedule_and_lock(base: Path, capsys: Capture) -> None:
    assert main(["compile", str(base), "-o", "out/s.json"]) == 0
    said = capsys.readouterr().out
    assert "10,656 samples of 128 = 333 steps of 32" in said
    schedule = Schedule.load("out/s.json")
    assert schedule.hash in said
    assert json.loads(Path("out/s.lock.json").read_text())["schedule"] == schedule.hash


def test_locked_refuses_by_name_what_changed(base: Path, capsys: Capture) -> None:
    compile_locked = ["compile", str(base), "-o", "s.json", "--locked"]
    assert main(compile_locked) == 2
    assert "no lock file" in capsys.readouterr().err
    assert main(compile_locked[:-1]) == 0
    assert main(compile_locked) == 0
    assert main([*compile_locked, "--set", "share=20%"]) == 2
    assert "the parameters give another schedule" in capsys.readouterr().err
    base.write_text(base.read_text() + "# a comment\n")
    assert main(compile_locked) == 2
    assert "files differ from the lock: base.yaml" in capsys.readouterr().err


def test_check_says_whether_the_data_lasts(base: Path, capsys: Capture) -> None:
    assert main(["check", str(base), "--tokens-per-second", "1000", "--gpus", "2", "--price", "3"]) == 0
    said = capsys.readouterr().out
    assert "0.3789 GPU-hours, 0.1894 hours on 2 GPUs, 1.137 at 3 a GPU-hour" in said
    assert re.search(r"image-text +samples +85 % +15 % +0 %", said)
    assert "the data lasts" in said
    base.write_text(base.read_text().replace("exhausted: repeat, max_passes: 4", "exhausted: reweight"))
    assert main(["check", str(base), "--set", "share=60%"]) == 1
    assert "a source runs out on the way" in capsys.readouterr().out
    assert main(["check", str(base), "--set", "share=160%"]) == 2


@pytest.mark.parametrize("suffix", ["svg", "png", "html"])
def test_plot(base: Path, suffix: str) -> None:
    assert main(["plot", str(base), "-o", f"p.{suffix}"]) == 0
    first = Path(f"p.{suffix}").read_bytes()
    assert len(first) > 10_000
    if suffix != "png":
        assert b"learning rate" in first or b"<svg" in first
        assert b'src="http' not in first
        main(["plot", str(base), "-o", f"p.{suffix}"])
        assert Path(f"p.{suffix}").read_bytes() == first
    assert main(["plot", str(base), "-o", "p.gif"]) == 2


def test_explain_gives_each_rank_its_part(base: Path, capsys: Capture) -> None:
    main(["compile", str(base), "-o", "s.json"])
    schedule = Schedule.load("s.json")
    ids, samples = schedule.samples(8320, 8352)
    names = [source.name for source in schedule.sources]
    expected = [f"{8320 + i:,} {names[n]} {sample:,}" for i, (n, sample) in enumerate(zip(ids, samples, strict=True))]
    found: list[str] = []
    for rank in range(3):
        capsys.readouterr()
        assert main(["explain", "s.json", "--step", "260", "--rank", str(rank), "--world", "3"]) == 0
        rows = capsys.readouterr().out.split("in shard\n", 1)[1].splitlines()[1:]
        for row in rows:
            position, name, turn, sample, shard, place = row.split()
            found.append(f"{position} {name} {sample}")
            assert turn == "1"
            assert int(shard.split(".")[0]) * 1000 + int(place) == int(sample.replace(",", ""))
    assert found == expected
    assert main(["explain", "s.json", "--step", "333"]) == 2
    assert main(["explain", "s.json", "--step", "1", "--rank", "3", "--world", "3"]) == 2
    assert main(["explain", "s.json", "--step", "1", "--rank", "0"]) == 2


def test_explain_says_why_there_is_no_provenance(base: Path, capsys: Capture) -> None:
    assert main(["explain", str(base), "--step", "0", "--limit", "1", "--documents"]) == 0
    assert "provenance not read" in capsys.readouterr().out


def test_diff(base: Path, capsys: Capture) -> None:
    main(["compile", str(base), "-o", "a.json"])
    assert main(["diff", "a.json", str(base)]) == 0
    main(["compile", str(base), "--set", "share=20%", "-o", "b.json"])
    capsys.readouterr()
    assert main(["diff", "a.json", "b.json"]) == 1
    said = capsys.readouterr().out
    assert "equal before sample 8,000" in said
    first = int(re.search(r"first other sample: sample ([\d,]+)", said)[1].replace(",", ""))  # type: ignore[index]
    a, b = Schedule.load("a.json"), Schedule.load("b.json")
    assert a.sample(first) != b.sample(first)
    assert all(np.array_equal(x, y) for x, y in zip(a.samples(0, first), b.samples(0, first), strict=True))


def test_diff_finds_another_learning_rate(base: Path) -> None:
    template = Template.read(base)
    a, b = (
        compile_curriculum(template.fill({"rate": setting("rate", f"{{continue: {shape}}}")})).schedule
        for shape in ("linear", "cosine")
    )
    parting = compare(a, b)
    assert parting.written == 8000
    assert parting.sample is None
    assert parting.rate is not None
    assert a.lr(parting.rate) != b.lr(parting.rate)


def test_a_missing_file_is_one_line_and_status_2(base: Path, capsys: Capture) -> None:
    assert main(["compile", "none.yaml"]) == 2
    assert (
        capsys.readouterr().err
        == "error: none.yaml: cannot read the file (No such file or directory); check the path\n"
    )
    assert main(["compile", str(base), "--set", "share"]) == 2
    assert "is not NAME=VALUE" in capsys.readouterr().err
