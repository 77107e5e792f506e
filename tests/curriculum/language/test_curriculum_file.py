"""The language as pydantic reads it: what may be written, and what only looks as if it might."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from curriculum.language.curriculum_file import (
    Continue,
    Curriculum,
    Curve,
    Mix,
    PhaseRate,
    PhaseSpec,
    Points,
    Ramp,
    Rewarm,
    SourceSpec,
)

MINIMAL: dict[str, Any] = {
    "seed": 7,
    "global_batch": 4,
    "sources": {"text": {"path": "text"}},
    "learning_rate": {"peak": 1e-3},
    "phases": [{"name": "all", "steps": 3, "mix": {"text": 1}}],
}


def test_the_least_that_is_a_curriculum() -> None:
    read = Curriculum.model_validate(MINIMAL)
    assert (read.lanes, read.trunk, read.phases[0].freeze) == (1, None, [])
    for key in MINIMAL:
        with pytest.raises(ValidationError):
            Curriculum.model_validate({name: value for name, value in MINIMAL.items() if name != key})


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ({"peak": 1e-3}, Curve),
        ({"rewarm": 1e-4, "warmup": "3%"}, Rewarm),
        ({"continue": "cosine", "floor": 0}, Continue),
    ],
)
def test_a_phase_s_rate_is_told_by_its_key(written: dict[str, Any], kind: type) -> None:
    assert isinstance(TypeAdapter(PhaseRate).validate_python(written), kind)


def test_a_mix_is_constant_or_a_ramp() -> None:
    mix: TypeAdapter[Any] = TypeAdapter(Mix)
    assert isinstance(mix.validate_python({"from": {"text": 1}, "to": {"pairs": 1}}), Ramp)
    assert isinstance(mix.validate_python({"text": "85%", "pairs": "rest"}), dict)
    for wrong in ({}, {"from": {"text": 1}}, {"text": -1}, {"text": "much"}):
        with pytest.raises(ValidationError):
            mix.validate_python(wrong)


@pytest.mark.parametrize(
    ("model", "written", "said"),
    [
        (PhaseSpec, {"name": "a", "mix": {"text": 1}}, "needs exactly one length, found none"),
        (PhaseSpec, {"name": "a", "mix": {"text": 1}, "for": "1B", "until": "2B"}, "found until and for"),
        (PhaseSpec, {"name": "a", "mix": {"text": 1}, "steps": 0}, "greater than or equal to 1"),
        (PhaseSpec, {"name": "a", "mix": {"text": 1}, "steps": 1, "freeze": ["heart"]}, "'encoder'"),
        (Ramp, {"from": {"a": 1}, "to": {"b": 1}, "shape": "step"}, "stairs and 'shape: step' belong together"),
        (Ramp, {"from": {"a": 1}, "to": {"b": 1}, "stairs": 3}, "stairs and 'shape: step' belong together"),
        (Curve, {"peak": 1e-3, "initial": 1e-5}, "initial has no effect without a warm-up"),
        (SourceSpec, {"path": "a", "max_passes": 3}, "max_passes has no effect here"),
        (SourceSpec, {"path": "a", "exhausted": "loop"}, "'repeat'"),
        (Curriculum, MINIMAL | {"sources": {"1text": {"path": "a"}}}, "pattern"),
        (Curriculum, MINIMAL | {"seed": -1}, "greater than or equal to 0"),
        (Curriculum, MINIMAL | {"global_batch": True}, "expected a number, found true"),
        (Curve, {"peak": False}, "expected a number, found false"),
        (SourceSpec, {"path": "a", "exhausted": "repeat", "max_passes": True}, "expected a number, found true"),
        (Curriculum, MINIMAL | {"lanes": 0}, "greater than or equal to 1"),
        (Points, {"evry": "10%"}, "not permitted"),
    ],
)
def test_what_looks_right_and_is_not(model: type[Any], written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate(written)
    assert said in str(caught.value)
