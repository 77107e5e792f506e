"""Expressions in `${...}`: exact, with units, and refused in one line where they have no value."""

import pytest

from curriculum.language.arithmetic import UnsolvedError, evaluate, is_name

VALUES = {
    "text": "850B",
    "vision": "150B",
    "share": "10%",
    "late": "50%",
    "plain": "0.3",
    "third": "1/3",
    "count": "28_795_904_000",
    "warmup": "400 steps",
    "rows": "2048 samples",
    "word": "cosine",
}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("text - vision * (1 - late) / late", "700000000000"),
        ("vision / share", "1500000000000"),
        ("vision / (text + vision)", "0.15"),
        ("1 - share", "90%"),
        ("1 - plain - 0.2", "0.5"),
        ("third * 2", "0.666666666666666667"),
        ("count * 4", "115183616000"),
        ("20 * 79M", "1580000000"),
        ("late + 5%", "55%"),
        ("late * share", "5%"),
        ("warmup / 2", "200 steps"),
        ("rows * 3", "6144 samples"),
        ("rows / 512 samples", "4"),
        ("3e-3 / 4", "0.00075"),
        ("2 - 1 - 1", "0"),
        ("8 / 4 / 2", "1"),
        ("2 + 3 * 4", "14"),
        ("4.32T * 1", "4320000000000"),
        ("9007199254740993 * 1", "9007199254740993"),
    ],
)
def test_values(written: str, value: str) -> None:
    assert evaluate(written, VALUES.__getitem__) == value


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("text - vision * (1 - share) / share", "comes to -500000000000, less than nothing (text = 850B, vision = "),
        ("share - 20%", "comes to -10%, less than nothing (share = 10%)"),
        ("warmup + text", "steps and tokens cannot be added"),
        ("text * vision", "tokens cannot be multiplied by tokens"),
        ("text / warmup", "tokens cannot be divided by steps"),
        ("text / (share - 10%)", "it divides by zero"),
        ("word * 2", "parameter 'word' is 'cosine', which is no amount"),
        ("1 -", "a value is missing at the end"),
        ("2 * / 3", "a value is missing before '/'"),
        ("(1 + 2", "a parenthesis is not closed"),
        ("2 x", "'x' is not expected there"),
        ("2 ^ 3", "'^' is not expected there"),
        ("2 * 99E99", "which is no amount"),
        ("(" * 200, "too long"),
        ("", "a value is missing at the end"),
    ],
)
def test_without_a_value(written: str, problem: str) -> None:
    with pytest.raises(UnsolvedError) as caught:
        evaluate(written, VALUES.__getitem__)
    assert problem in caught.value.problem
    assert caught.value.remedy


def test_a_name_may_have_a_hyphen_and_an_expression_has_spaces_or_operators() -> None:
    assert all(map(is_name, ("image-share", "share", "a.b")))
    assert not any(map(is_name, ("a - b", "1 - a", "-a", "a*b", "(a)", "2", "a + b", "a/b")))
