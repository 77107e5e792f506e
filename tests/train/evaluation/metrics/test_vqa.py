"""Soft accuracy beside what the official scorers say, and against the published table."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluation.metrics import vqa

OFFICIAL = json.loads((Path(__file__).parent / "official_values/open_answers.json").read_text())
RULES = {
    "vqav2": vqa.vqav2,
    "vizwiz": vqa.vizwiz,
    "textvqa": vqa.textvqa,
    "vqav2 of vlm-evaluation": vqa.vqav2_of_vlm_evaluation,
}


@pytest.mark.parametrize("rule", RULES)
def test_every_case_scores_as_the_official_scorer_says(rule):
    """Contractions, number words, punctuation, unanimous people, long runs of full stops, other scripts."""
    column = OFFICIAL["columns"].index(rule)
    differing = []
    for case in OFFICIAL["cases"]:
        ours = RULES[rule](case[0], people(case[1]))
        if abs(ours - case[column]) > 1e-6:
            differing.append((*case, ours))
    assert differing == []
    assert len(OFFICIAL["cases"]) > 3000


def people(counts: list[list]) -> list[str]:
    return [answer for answer, count in counts for _ in range(count)]


def test_the_rules_differ():
    """Else the cases would tell nothing; how often they do is in docs/evaluation.md."""
    apart = {rule: sum(abs(RULES[rule](said, people(counts)) - vqa.normalised(said, people(counts))) > 1e-6
                       for said, counts, *_ in OFFICIAL["cases"]) for rule in RULES}  # fmt: skip
    assert apart == {"vqav2": 229, "vizwiz": 1483, "textvqa": 3, "vqav2 of vlm-evaluation": 1246}


@pytest.mark.parametrize(("agreeing", "published"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_the_published_table(agreeing, published):
    """What n of ten agreeing people give, as VQA papers list it: 0, 0.3, 0.6, 0.9, 1."""
    answers = ["red"] * agreeing + [f"other {n}" for n in range(10 - agreeing)]
    assert vqa.vqav2("red", answers) == pytest.approx(published)


@given(st.integers(0, 10))
def test_leave_one_out_by_hand(agreeing):
    answers = [1] * agreeing + [0] * (10 - agreeing)
    subsets = [answers[:n] + answers[n + 1 :] for n in range(10)]
    expected = sum(min(1, sum(subset) / 3) for subset in subsets) / 10
    given = ["yes" if a else f"no {n}" for n, a in enumerate(answers)]
    assert vqa.vqav2("yes", given) == vqa.normalised("yes", given) == pytest.approx(expected)


def test_who_is_normalised():
    """VQAv2: nobody where all agree to the letter; VizWiz: never the people; TextVQA: everybody, always."""
    assert (vqa.vqav2("The Two!", ["2"] * 10), vqa.vqav2("The Two!", ["2"] * 9 + ["3"])) == (0.0, 1.0)
    assert (vqa.vizwiz("The Two!", ["2"] * 10), vqa.vizwiz("The Two!", ["Two"] * 10)) == (1.0, 0.0)
    assert vqa.textvqa("the two's", ["2 's"] * 10) == 1.0
    assert vqa.normalised("The Two!", ["2"] * 10) == 1.0
    assert vqa.vizwiz("Unanswerable", ["unanswerable"] * 7 + ["soup"] * 3) == 1.0
