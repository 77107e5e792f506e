"""Tests that answers are normalised as VQA v2's official script does, word by word and sign by sign."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluation.metrics.answer_text import TYPOGRAPHIC, normalise


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


def test_vizwiz_restores_few_words_with_a_typewritten_apostrophe() -> None:
    """Most words of its API's table have typographic ones, so that what people type is left as it is."""
    said = ("dont", "cant", "couldnt've", "couldn't've")
    assert [normalise(word, TYPOGRAPHIC) for word in said] == ["don’t", "can't", "couldnt've", "couldn't've"]
    assert [normalise(word) for word in said] == ["don't", "can't", "couldn't've", "couldn't've"]
