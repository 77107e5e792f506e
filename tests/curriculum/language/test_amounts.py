"""Amounts and shares are exact, and what is none is refused with a remedy."""

from fractions import Fraction

import pytest

from curriculum.language.amounts import Amount, parse_amount, parse_passes, parse_share


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("28B", 28 * 10**9, "tokens"),
        ("4.3T", 43 * 10**11, "tokens"),
        ("4.3t", 43 * 10**11, "tokens"),
        (1_000_000, 10**6, "tokens"),
        ("1,000,000 tokens", 10**6, "tokens"),
        (1e9, 10**9, "tokens"),
        ("80%", 80, "percent"),
        ("0.1 %", Fraction(1, 10), "percent"),
        ("400 steps", 400, "steps"),
        ("2K samples", 2000, "samples"),
        (0, 0, "tokens"),
    ],
)
def test_amounts(text: object, value: object, unit: str) -> None:
    assert parse_amount(text) == Amount(Fraction(value), unit)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B",
        "-1",
        "1e18",
        "20000T",
        "3 apples",
        "1e999",
        "9" * 100,
        None,
        True,
        [1],
        "1/0",
        "nan",
        "inf",
        "1,5M",
        "1,0000",
        "1,,000",
    ],
)
def test_what_is_no_amount(text: object) -> None:
    with pytest.raises(ValueError, match="; "):
        parse_amount(text)


def test_units_come_to_tokens() -> None:
    def tokens(text: str) -> Fraction:
        return parse_amount(text).tokens(whole=1000, sample=128, batch=4)

    assert [tokens(t) for t in ("7", "50%", "2 steps", "3 samples")] == [7, 500, 1024, 384]


def test_shares() -> None:
    assert parse_share(0.1) == Fraction(1, 10)  # the decimal that was written, not the nearest float
    assert parse_share("15%") == Fraction(15, 100)
    assert parse_share("1/3") == Fraction(1, 3)
    assert parse_share("rest") == "rest"
    for bad in (1.5, -0.1, "many", "1/0", None, "150%"):
        with pytest.raises(ValueError, match="; "):
            parse_share(bad)


def test_passes() -> None:
    assert parse_passes("0.5") == Fraction(1, 2)
    for bad in (0, -1, 1e6, "two"):
        with pytest.raises(ValueError, match=r"; write 2 or 0\.5"):
            parse_passes(bad)
