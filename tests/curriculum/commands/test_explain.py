"""`explain`: the samples of a step, rank by rank, and what becomes of bad questions."""

from pathlib import Path

import pytest

from curriculum.__main__ import main
from schemas.schedule import Schedule

Capture = pytest.CaptureFixture[str]


def test_gives_each_rank_its_part(base: Path, capsys: Capture) -> None:
    main(["compile", str(base), "-o", "s.json"])
    schedule = Schedule.load("s.json")
    ids, samples = schedule.samples(8320, 8352)
    names = [source.name for source in schedule.sources]
    expected = [f"{8320 + i:,} {names[n]} {sample:,}" for i, (n, sample) in enumerate(zip(ids, samples, strict=True))]
    found: list[str] = []
    for rank in range(3):
        capsys.readouterr()
        assert main(["explain", "s.json", "--step", "260", "--rank", str(rank), "--world", "3"]) == 0
        rows = capsys.readouterr().out.split("in shard\n", 1)[1].split("documents or", 1)[0].splitlines()[1:]
        for row in rows:
            position, name, turn, sample, shard, place = row.split()
            found.append(f"{position} {name} {sample}")
            assert turn == "1"
            assert int(shard.split(".")[0]) * 1000 + int(place) == int(sample.replace(",", ""))
    assert found == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--step", "333"], "no step 333; the run has steps 0 to 332 of 32 samples"),
        (["--step", "-1"], "no step -1"),
        (["--step", "1", "--rank", "3", "--world", "3"], "no rank 3 of 3; ranks are 0 to 2"),
        (["--step", "1", "--rank", "0"], "--rank and --world belong together"),
    ],
)
def test_bad_questions_are_answered_before_anything_else(
    base: Path, options: list[str], said: str, capsys: Capture
) -> None:
    assert main(["explain", str(base), *options]) == 2
    answered = capsys.readouterr()
    assert said in answered.err
    assert answered.out == ""


def test_says_how_to_see_the_documents(base: Path, capsys: Capture) -> None:
    assert main(["explain", str(base), "--step", "0", "--limit", "2"]) == 0
    rows = capsys.readouterr().out.split("in shard\n", 1)[1].splitlines()
    samples = [row.split()[3].replace(",", "") for row in rows[1:3]]
    assert rows[-2:] == ["documents or URLs behind them:", f"  python -m dataprep why text {' '.join(samples)}"]
