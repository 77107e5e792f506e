"""Soft accuracy against the published table, and the official normalisation case by case."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluation.metrics.vqa import normalise, soft_accuracy


@pytest.mark.parametrize(("agreeing", "published"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_the_published_table(agreeing, published):
    """What n of ten agreeing people give, as VQA papers list it: 0, 0.3, 0.6, 0.9, 1."""
    answers = ["red"] * agreeing + [f"other {n}" for n in range(10 - agreeing)]
    assert soft_accuracy("red", answers) == pytest.approx(published)


@given(st.integers(0, 10))
def test_leave_one_out_by_hand(agreeing):
    answers = [1] * agreeing + [0] * (10 - agreeing)
    subsets = [answers[:n] + answers[n + 1 :] for n in range(10)]
    expected = sum(min(1, sum(subset) / 3) for subset in subsets) / 10
    assert soft_accuracy("yes", ["yes" if a else f"no {n}" for n, a in enumerate(answers)]) == pytest.approx(expected)


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


def test_prediction_and_answers_are_normalised_alike():
    assert soft_accuracy("The Two!", ["2"] * 10) == 1.0
    assert soft_accuracy("unanswerable", ["unanswerable"] * 7 + ["soup"] * 3) == 1.0


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
