"""Phases as written become shares in billionths and exact lengths."""

from fractions import Fraction
from pathlib import Path

import pytest

from common.errors import InputError
from curriculum.compiler.datasets import Shelf
from curriculum.compiler.layout import Draft
from curriculum.compiler.phase_drafts import Context, drafts
from curriculum.compiler.units import Scale
from curriculum.language.curriculum_file import Curriculum
from curriculum.language.template import Template


def drafted(base: Path, *phases: str) -> list[Draft]:
    head = base.read_text().split("phases:")[0]
    Path("c.yaml").write_text(head + "phases:\n" + "".join(f"  - {{{phase}}}\n" for phase in phases))
    document = Template.read("c.yaml").fill()
    curriculum = document.load(Curriculum)
    scale = Scale(128, curriculum.global_batch, 1_280_000)
    return drafts(Context(document, curriculum, Shelf().sources(curriculum, document), scale))


def test_lengths_are_exact_fractions(base: Path) -> None:
    found = drafted(
        base,
        "name: a, until: 33%, mix: {text: 1}",
        "name: b, for: 1000, mix: {text: 1}",
        "name: c, steps: 3, mix: {text: 1}",
        "name: d, passes: {chat: 1.5}, mix: {chat: 1}",
    )
    assert found[0].until == Fraction(33, 100) * 10_000
    assert found[1].length == Fraction(1000, 128)
    assert found[2].length == 96
    assert found[3].draw == (2, 500)  # 1.5 x 333 to the nearest sample


def test_shares_are_billionths_in_the_order_of_the_sources(base: Path) -> None:
    (draft,) = drafted(base, "name: a, for: 1M, mix: {chat: 1/3, text: rest}")
    assert draft.mixes == [[666_666_667, 0, 333_333_333]]


def test_ramps_have_two_ends_and_stairs_are_mixes(base: Path) -> None:
    ends = "from: {text: 1}, to: {text: 70%, pairs: 30%}"
    ramp, stairs = drafted(
        base,
        f"name: a, for: 1M, mix: {{{ends}, shape: cosine}}",
        f"name: b, for: 1M, mix: {{{ends}, shape: step, stairs: 4}}",
    )
    assert ramp.ramp == "cosine"
    assert ramp.mixes == [[10**9, 0, 0], [7 * 10**8, 3 * 10**8, 0]]
    assert stairs.ramp is None
    assert [mix[1] for mix in stairs.mixes] == [0, 10**8, 2 * 10**8, 3 * 10**8]


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("name: a, passes: {chat: 1}, mix: {text: 1}", "phases[0].passes.chat: the phase does not draw from 'chat'"),
        ("name: a, passes: {chat: 1}, mix: {from: {chat: 1}, to: {text: 1}}", "a ramp needs a length that is known"),
        ("name: a, steps: 100000000000000, mix: {text: 1}", "samples are more than any run has; check the unit"),
        ("name: a, for: 1M, mix: {text: rest, pairs: rest}", "text and pairs cannot both be the rest"),
    ],
)
def test_what_is_no_draft(base: Path, phase: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        drafted(base, phase)
    assert said in str(caught.value)
    assert str(caught.value).startswith("c.yaml:11: ")
