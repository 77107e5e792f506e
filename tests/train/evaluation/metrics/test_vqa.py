"""Soft accuracy beside what the official scorers say, and against the published table."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluation.metrics import vqa
from train.evaluation.metrics.answer_text import normalise

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


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Yes.", "yes"),
        ("The cat", "cat"),
        ("a  dog\tand an\nowl", "dog and owl"),
        ("two", "2"),
        ("none", "0"),
        ("ten people", "10 people"),
        ("1,000", "1000"),
        ("3.5", "3.5"),
        ("it's 3.", "it's 3"),
        ("dont", "don't"),
        ("couldntve", "couldntve"),
        ("couldnt've", "couldn't've"),
        ("couldn'tve", "couldn't've"),
        ("oclock", "o'clock"),
        ("yall'd've", "y'all'd've"),
        ("shes", "shes"),
        ("well, yes", "well yes"),
        ("black/white", "black white"),
        ("black / white", "black white"),
        ("t-shirt", "t shirt"),
        ("really ?!", "really"),
        ("(red)", "red"),
    ],
)
def test_normalisation(answer, expected):
    assert normalise(answer) == expected


def test_who_is_normalised():
    """VQAv2: nobody where all agree to the letter; VizWiz: never the people; TextVQA: everybody, always."""
    assert (vqa.vqav2("The Two!", ["2"] * 10), vqa.vqav2("The Two!", ["2"] * 9 + ["3"])) == (0.0, 1.0)
    assert (vqa.vizwiz("The Two!", ["2"] * 10), vqa.vizwiz("The Two!", ["Two"] * 10)) == (1.0, 0.0)
    assert vqa.textvqa("the two's", ["2 's"] * 10) == 1.0
    assert vqa.normalised("The Two!", ["2"] * 10) == 1.0
    assert vqa.vizwiz("Unanswerable", ["unanswerable"] * 7 + ["soup"] * 3) == 1.0


@pytest.mark.parametrize(
    ("answer", "official"),
    [
        # a comma between digits makes every sign vanish, even between words
        ("1,000 sq.ft; approx", "1000 sqft approx"),
        ("10,000/20,000", "1000020000"),
        # a sign at an edge of a word anywhere in the answer vanishes everywhere
        ("x-ray (hand)", "x ray hand"),
        ("5 - 6-7", "5 67"),
        ("5-6", "5 6"),
        # full stops go, unless a digit follows
        ("U.S.A.", "usa"),
        ("2.5 ft.", "2.5 ft"),
        ("v2.0", "v2.0"),
        # signs that are not in the official list stay
        ("$3.50", "$3.50"),
        ("100%", "100%"),
        ("cat & dog", "cat & dog"),
        # articles and number words are whole words, whatever their case
        ("The An A", ""),
        ("a-b c", "b c"),
        ("TEN", "10"),
        ("tenth", "tenth"),
        ("None of them", "0 of them"),
        # contractions
        ("Thats it", "that's it"),
        ("he'dve", "he'd've"),
        ("y'allll", "y'all'll"),
        ("'ow'sat", "'ow's'at"),
        ("twas", "'twas"),
        ("somebody'd", "somebodyd"),
        ("Id've", "id've"),
        ("im", "im"),
        ("lets", "lets"),
    ],
)
def test_as_the_official_script_normalises(answer, official):
    """What `vqaEval.py` of the VQA v2 release makes of these, as it was run on them."""
    assert normalise(answer) == official


@given(st.lists(st.sampled_from([*"ab1 ,.'-?", "the ", "two ", "dont ", "1,0"]), max_size=12).map("".join))
def test_normalising_is_about_words_alone(answer):
    found = normalise(answer)
    assert found == " ".join(found.split())
    assert normalise(f"\t{answer}\n") == found
