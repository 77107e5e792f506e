"""Values that compile but can hardly be meant are told with their place; values in use are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.language.template import Template

CURRICULUM = """\
seed: 7
global_batch: 32
trunk: 1_280_000
sources: {text: {path: text}}
learning_rate: {peak: PEAK, warmup: WARMUP}
phases:
  - name: text
    until: 80%
    mix: {text: 1}
  - name: more
    for: 256_000
    mix: {text: 1}
    learning_rate: {rewarm: REWARM, warmup: AGAIN}
"""


@pytest.fixture
def warnings(dataset: Callable[..., Path], tmp_path: Path) -> Callable[..., list[str]]:
    dataset("text", samples=20_000)

    def compiled(peak: str = "3e-3", warmup: str = "10 steps", rewarm: str = "1e-3", again: str = "5%") -> list[str]:
        values = {"REWARM": rewarm, "PEAK": peak, "WARMUP": warmup, "AGAIN": again}
        text = CURRICULUM
        for name, value in values.items():
            text = text.replace(name, value)
        (tmp_path / "c.yaml").write_text(text)
        notes = compile_curriculum(Template.read(Path("c.yaml")).fill()).notes
        return [note for note in notes if note.startswith("warning:")]

    return compiled


def test_values_in_use_are_not_doubted(warnings: Callable[..., list[str]]) -> None:
    assert warnings() == []
    assert warnings(peak="6e-2", warmup="0", again="4096") == []


def test_a_bare_number_below_a_step_is_told_with_its_place(warnings: Callable[..., list[str]]) -> None:
    (told,) = warnings(warmup="10")
    assert told.startswith("warning: c.yaml:5: learning_rate.warmup: 10 tokens is less than one step (")
    assert told.endswith("; did you mean '10 steps'?")
    (told,) = warnings(again="7.5")
    assert told.startswith("warning: c.yaml:13: phases[1].learning_rate.warmup: 7.5 tokens")


def test_an_absurd_learning_rate_is_told_wherever_it_stands(warnings: Callable[..., list[str]]) -> None:
    first, second = warnings(peak="2", rewarm="1.5")
    assert first.startswith("warning: c.yaml:5: learning_rate.peak: a learning rate of 2 is far above")
    assert first.endswith("did you mean 2e-3?")
    assert second.startswith("warning: c.yaml:13: phases[1].learning_rate.rewarm: a learning rate of 1.5")
