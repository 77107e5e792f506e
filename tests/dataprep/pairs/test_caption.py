from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dataprep.engine.rejects import RejectError
from dataprep.pairs.caption import CaptionPolicy, choose, clean

SAMPLE = CaptionPolicy(use="sample", probabilities={"web": 0.3, "synthetic": 0.7})


def test_each_policy_takes_its_source() -> None:
    assert choose(CaptionPolicy(), "u", 0, "web", ["syn"]).text == "web"
    assert choose(CaptionPolicy(use="synthetic"), "u", 0, "web", ["syn"]).text == "syn"


def test_sampling_follows_the_probabilities_and_spreads_over_synthetic_captions() -> None:
    drawn = Counter(
        (one.source, one.index)
        for one in (choose(SAMPLE, f"uid{i}", 5, "web", ["a", "b", "c", "d"]) for i in range(4000))
    )
    assert abs(drawn["web", 0] / 4000 - 0.3) < 0.03
    for index in range(4):
        assert abs(drawn["synthetic", index] / 4000 - 0.175) < 0.03


def test_the_draw_depends_on_seed_and_uid_alone() -> None:
    def draw(seed: int) -> list[str]:
        return [choose(SAMPLE, f"uid{i}", seed, "web", ["syn"]).source for i in range(64)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_sampling_takes_the_other_source_where_one_is_missing() -> None:
    for i in range(20):
        assert choose(SAMPLE, f"uid{i}", 0, None, ["", "syn"]).text == "syn"
        assert choose(SAMPLE, f"uid{i}", 0, "web", []).text == "web"


@pytest.mark.parametrize(
    ("policy", "web", "reason"),
    [
        (CaptionPolicy(), "\0 \n", "no_caption"),
        (CaptionPolicy(use="synthetic"), "web", "no_caption"),
        (SAMPLE, "", "no_caption"),
        (CaptionPolicy(max_bytes=10), "ü" * 6, "caption_too_long"),
    ],
)
def test_unusable_captions_are_rejected(policy: CaptionPolicy, web: str, reason: str) -> None:
    with pytest.raises(RejectError) as caught:
        choose(policy, "u", 0, web, [])
    assert caught.value.reason == reason


@given(st.text(st.characters(codec=None)))
def test_clean_text_is_valid_one_line_and_stable(text: str) -> None:
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert len(cleaned.encode().split(b"\n")) == 1
    assert "\0" not in cleaned


def test_clean_keeps_what_has_meaning() -> None:
    assert clean("  a\0b\r\n<|endoftext|>\t👩\u200d🚀 ") == "a b <|endoftext|> 👩\u200d🚀"


@pytest.mark.parametrize(
    "settings",
    [
        {"use": "sample"},
        {"use": "web", "probabilities": {"web": 1}},
        {"use": "sample", "probabilities": {"web": 0.5}},
        {"use": "sample", "probabilities": {"web": float("nan")}},
    ],
)
def test_policies_that_contradict_themselves_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CaptionPolicy.model_validate(settings)
