"""Findings are tried on like against like, whatever else a sweep varied."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curriculum.sweep_report.analysis import Analysis, Measure
from curriculum.sweep_report.axes import axes
from curriculum.sweep_report.page import remarks
from curriculum.sweep_report.paper_findings import Ordering, between, orderings, untried
from curriculum.sweep_report.read_runs import SweepRuns

VISION = "stable score, vision"


def analysis(cases: list[dict], values: list[float], name: str = VISION, spread: float = 0.0) -> Analysis:
    """Configurations with known values and draws around them."""
    draws = np.array(values)[:, None] + spread * np.random.default_rng(0).standard_normal((len(values), 1000))
    measure = Measure(name, np.array(values), draws, higher_is_better=not name.startswith("loss"))
    sweep = SweepRuns(Path(), [], [], 1, 1)
    return Analysis(sweep, [], cases, [[n] for n in range(len(cases))], axes(cases), [measure], [])


def found(one: Analysis) -> dict[str, Ordering]:
    return {ordering.claim: ordering for ordering in orderings(one)}


def test_one_thing_at_a_time_is_not_mixed_up():
    """80 % is better than 100 % at the same share; a mean over all of 80 % says the opposite."""
    cases = [
        {"switch": "100%", "image_share": "20%"},
        *({"switch": "80%", "image_share": share} for share in ("20%", "50%", "70%")),
    ]
    tried = found(analysis(cases, [0.5, 0.6, 0.2, 0.1]))
    late = tried["images from 80 % on beat images after the end"]
    assert (late.verdict, late.pairs) == ("appears", 1)
    assert late.difference == pytest.approx(0.1)
    assert tried["10-20 % of images beat more"].difference == pytest.approx(0.45)
    assert "10-20 % of images beat fewer" not in tried


@settings(max_examples=40, deadline=None)
@given(
    effect=st.floats(-1, 1),
    nuisance=st.lists(st.floats(-5, 5), min_size=2, max_size=4),
    there=st.data(),
)
def test_the_others_cancel(effect, nuisance, there):
    """With an additive nuisance the effect comes back exactly, whichever cells of the grid are there."""
    cells = [(late, n) for n in range(len(nuisance)) for late in (True, False)]
    kept = there.draw(st.lists(st.sampled_from(cells), unique=True, min_size=1))
    cases = [{"switch": "80%" if late else "100%", "image_share": f"{n}%"} for late, n in kept]
    one = analysis(cases, [effect * late + nuisance[n] for late, n in kept])
    result = found(one).get("images from 80 % on beat images after the end")
    both = {n for late, n in kept if late} & {n for late, n in kept if not late}
    assert (result is not None) == bool(both)
    if result is not None:
        assert result.pairs == len(both)
        assert result.difference == pytest.approx(effect, abs=1e-9)


def test_what_only_follows_an_axis_does_not_keep_sides_apart():
    cases = [
        {"encoder": {"kind": kind, "width": width}, "vision": data, "frozen": frozen}
        for kind, width, data in (("siglip", 1, "large"), ("siglip_dino", 1, "large"), ("patch", 2, "small"))
        for frozen in ([], ["encoder"])
    ]
    tried = found(analysis(cases, [0.5, 0.7, 0.6, 0.8, 0.1, 0.2]))
    assert tried["SigLIP beats a patch projection"].pairs == 2
    assert tried["SigLIP beats a patch projection"].difference == pytest.approx(0.5)
    assert tried["a frozen encoder is better"].pairs == 3
    assert tried["a frozen encoder is better"].difference == pytest.approx((0.2 + 0.2 + 0.1) / 3)


def test_losses_count_downwards_and_noise_leaves_it_open():
    cases = [{"image_share": "10%"}, {"image_share": "50%"}]
    assert found(analysis(cases, [3.0, 3.2], "loss-text"))["more text keeps text scores"].verdict == "appears"
    assert found(analysis(cases, [3.3, 3.2], "loss-text"))["more text keeps text scores"].verdict == (
        "the opposite appears"
    )
    noisy = analysis(cases, [3.0, 3.2], "loss-text", spread=0.5)
    assert found(noisy)["more text keeps text scores"].verdict == "undecided"


def test_epochs_and_instructions():
    epochs = analysis([{"epochs": n} for n in (1, 2, 3, 4, 5)], [0.1, 0.3, 0.3, 0.3, 0.9])
    assert found(epochs)["2-4 epochs of fine-tuning beat one"].difference == pytest.approx(0.2)
    shares = analysis([{"instruction_share": f"{n}%"} for n in (0, 5, 10)], [0.5, 0.4, 0.3])
    assert found(shares)["instruction data in pre-training hurts"].difference == pytest.approx(0.15)


def test_no_value_no_verdict():
    one = analysis([{"switch": "80%"}, {"switch": "0%"}], [np.nan, np.nan])
    assert orderings(one) == []
    assert between(one, one.measures[0], "x", "epochs", bool, bool) is None


def test_parameters_that_are_no_axis_have_to_agree():
    """A learning rate that was tried twice is compared with itself; one that goes with the switch is part of it."""
    cases = [
        {"switch": "80%", "peak": 1},
        {"switch": "80%", "peak": 2},
        {"switch": "100%", "peak": 2},
        {"switch": "0%", "peak": 3},
    ]
    tried = found(analysis(cases, [0.1, 0.6, 0.5, 0.4]))
    late = tried["images from 80 % on beat images after the end"]
    assert (late.verdict, late.pairs) == ("appears", 1)
    assert late.difference == pytest.approx(0.1)
    assert "images from the start on hurt vision" not in tried
    alone = found(analysis([cases[0], cases[3]], [0.1, 0.4]))["images from the start on hurt vision"]
    assert alone.difference == pytest.approx(-0.3)


def test_instruction_data_is_tried_where_it_takes_the_images_place():
    """The paper's sweep: shares sum to 10 %. The image share is no finding of its own there."""
    cases = [{"instruction_share": f"{n}%", "image_share": f"{10 - n}%"} for n in (0, 1, 5, 10)]
    one = analysis(cases, [0.6, 0.5, 0.4, 0.3])
    assert list(found(one)) == ["instruction data in pre-training hurts"]
    assert found(one)["instruction data in pre-training hurts"].difference == pytest.approx(0.2)
    assert untried(one) == ["image_share"]


def test_what_could_not_be_tried_is_named():
    cases = [{"instruction_share": f"{n}%", "image_share": f"{10 - n}%"} for n in (0, 5)]
    one = analysis([*cases, {"instruction_share": "5%", "image_share": "7%"}], [0.6, 0.5, 0.4])
    assert found(one) == {}
    assert untried(one) == ["image_share", "instruction_share"]
    assert any("is tried on image_share, instruction_share" in remark for remark in remarks(one))
