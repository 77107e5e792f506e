"""A sweep file becomes runs: every combination, named, compiled, and its mistakes at their line."""

from pathlib import Path

import pytest

from common.errors import InputError
from curriculum.language.template import Template
from curriculum.sweep.expand import expand
from tests.curriculum.sweep.conftest import RUN, SWEEP


def test_every_combination_once(sweep: Path) -> None:
    runs = {run.name: run for run in expand(Template.read(sweep).fill())}
    assert len(runs) == 8 + 1 + 2
    one = runs["sweep_mid_switch=40_seed=365_encoder=patch"]
    assert one.settings == {"switch": "40%", "seed": 365, "encoder": "patch"}
    assert one.schedule.seed == 365
    assert one.schedule.phases[0].stop == 4000
    assert one.train is not None
    assert one.train["model"]["encoder"] == {"kind": "patch"}
    late = runs["sweep_late_when=end_epochs=2"]
    assert late.settings == {"switch": "100%", "rate": {"rewarm": 1e-3, "warmup": "10 steps"}, "epochs": 2}


def test_idle_keys_count_from_the_first_image_on(sweep: Path) -> None:
    runs = {run.name: run.identities for run in expand(Template.read(sweep).fill())}
    siglip, patch = (runs[f"sweep_mid_switch=40_seed=7_encoder={encoder}"] for encoder in ("siglip", "patch"))
    assert siglip[0] == patch[0]
    assert siglip[1] != patch[1]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("seed: [7, 365]", "seeds: [7]", "'seeds' is a parameter of neither"),
        ("switch: [40%, 80%]", "switch: []", "axis 'switch' has no values"),
        ("switch: [40%, 80%]", "switch: [40%, 40%]", "two runs are named"),
        ("switch: [40%, 80%]", "switch: [40%, 180%]", "(in run 'mid_switch=180"),
        ("{label: end, ", "{", "needs a label"),
        ("curriculum: base.yaml", "curriculum: none.yaml", "cannot read the file"),
    ],
)
def test_mistakes(sweep: Path, before: str, after: str, said: str) -> None:
    assert before in SWEEP
    Path("sweep.yaml").write_text(SWEEP.replace(before, after))
    with pytest.raises(InputError) as caught:
        expand(Template.read(sweep).fill())
    assert said in str(caught.value)


def test_what_the_sweep_fills_in_may_not_be_given(sweep: Path) -> None:
    Path("run.yaml").write_text(RUN + "out: somewhere\n")
    with pytest.raises(InputError, match=r"run\.yaml:4: out: the sweep fills this in"):
        expand(Template.read(sweep).fill())


@pytest.mark.parametrize(
    "grid", ["set: {switch: 0%}, axes: {switch: [40%]}", "axes: {switch: [40%], when: [{label: end, switch: 100%}]}"]
)
def test_a_parameter_that_two_places_set(sweep: Path, grid: str) -> None:
    """The run's name would tell one value, and the run have another."""
    Path("sweep.yaml").write_text(f"curriculum: base.yaml\ngrids:\n  - {{name: g, {grid}}}\n")
    with pytest.raises(InputError, match=r"sweep\.yaml:3: .*'switch' is set twice in one run"):
        expand(Template.read(sweep).fill())


def test_a_date_is_a_setting_too(sweep: Path) -> None:
    Path("sweep.yaml").write_text("curriculum: base.yaml\ngrids:\n  - {name: g, axes: {name: [2026-11-26]}}\n")
    base = Path("base.yaml")
    base.write_text(
        base.read_text().replace("{switch", "{name: a, switch", 1).replace("name: text", 'name: "p ${name}"')
    )
    (run,) = expand(Template.read(sweep).fill())
    assert run.settings == {"name": "2026-11-26"}
