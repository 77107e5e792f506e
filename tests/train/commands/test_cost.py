"""Tests of `cost`: a line for each size, whose numbers follow from each other."""

import pytest

from tests.helpers.commands import assert_refused
from train.__main__ import main
from train.config.decoder_config import SIZES
from train.models.cost import fp8_share


def lines(capsys: pytest.CaptureFixture[str], *options: str) -> list[list[float]]:
    """parameters, GFLOP/token, tokens/s/GPU, days, weights, gradients, AdamW, activations, logits, sum of each size."""
    assert main(["cost", *options]) == 0
    _, *rows = capsys.readouterr().out.splitlines()
    return [[float(cell.replace(",", "")) for cell in row.split()[1:] if not cell.endswith("%")] for row in rows]


def test_every_size_but_the_demo(capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(capsys)
    assert [row[0] for row in found] == [shape.parameters(50_432) for name, shape in SIZES.items() if name != "demo"]
    for row in found:
        assert row[-1] == pytest.approx(sum(row[4:-1]), abs=0.3)
        assert row[3] == pytest.approx(28e9 / (row[2] * 8) / 86_400, rel=0.01)
        assert row[2] == pytest.approx(0.4 * 989e12 / (row[1] * 1e9), rel=0.01)


def test_options_change_what_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    (plain,) = lines(capsys, "--size", "1.4B")
    (fast,) = lines(capsys, "--size", "1.4B", "--mfu", "0.8", "--gpus", "16", "--tokens", "56e9")
    assert fast[2] == pytest.approx(2 * plain[2], rel=0.001)
    assert fast[3] == pytest.approx(plain[3] / 2, rel=0.01)
    assert fast[4:] == plain[4:]
    (sharded,) = lines(capsys, "--size", "1.4B", "--shards", "8", "--recompute", "--microbatch", "4")
    assert sharded[6] == pytest.approx(plain[6] / 8, abs=0.1)
    assert sharded[7] < plain[7] / 4
    (short,) = lines(capsys, "--size", "1.4B", "--length", "512", "--vocabulary", "100864")
    assert short[0] == SIZES["1.4B"].parameters(100_864)
    assert short[7] < plain[7]


def test_the_share_that_fp8_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--size", "1.4B"]) == 0
    (share,) = (cell for cell in capsys.readouterr().out.split() if cell.endswith("%"))
    assert share == f"{fp8_share(SIZES['1.4B'], 50_432, 2048):.0%}"


@pytest.mark.parametrize("option", ["length", "vocabulary", "microbatch", "shards", "gpus", "tokens", "mfu"])
def test_nothing_is_divided_by_zero(option: str) -> None:
    assert_refused(main, ["cost", f"--{option}", "0"], match=f"--{option}: must be above 0")


def test_an_unknown_size() -> None:
    assert_refused(main, ["cost", "--size", "2B"], match="choose one of demo")
