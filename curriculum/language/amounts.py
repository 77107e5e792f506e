"""Parses amounts as people write them: `28B`, `4.3T`, `1_000_000`, `80%`, `400 steps`, `2048 samples`.

Every amount is an exact fraction from the file to the schedule, so 4.3T is 4,300,000,000,000 tokens and not the
nearest float. What a percentage is of, and how many samples a step has, is for the place of use to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import PlainValidator, WithJsonSchema

Unit = Literal["tokens", "percent", "steps", "samples"]

MAX_TOKENS = 10**16
"""No run is longer: what exceeds it has a wrong unit."""

_SCALE = {"": 1, "K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
_WORDS: dict[str, Unit] = {
    "": "tokens",
    "%": "percent",
    "token": "tokens",
    "tokens": "tokens",
    "step": "steps",
    "steps": "steps",
    "sample": "samples",
    "samples": "samples",
}
_NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d[\d_]*)(?:\.\d+)?(?:[eE][-+]?\d{1,2})?"
_PATTERN = rf"({_NUMBER})\s*([KMBTkmbt]?)\s*(|%|(?:token|step|sample)s?)"
_AMOUNT = re.compile(_PATTERN)
_MAX_LETTERS = 64


@dataclass(frozen=True)
class Amount:
    """An exact amount and its unit."""

    value: Fraction
    unit: Unit

    def __str__(self) -> str:
        number = f"{float(self.value):g}"
        return f"{number}%" if self.unit == "percent" else f"{number} {self.unit}"

    def tokens(self, *, whole: Fraction | int, sample: int, batch: int) -> Fraction:
        """The amount in tokens.

        Args:
            whole: what a percentage is of, in tokens.
            sample: tokens in a sample.
            batch: samples in a step.
        """
        per_unit = {
            "tokens": Fraction(1),
            "percent": Fraction(whole) / 100,
            "samples": Fraction(sample),
            "steps": Fraction(sample * batch),
        }
        return self.value * per_unit[self.unit]


def parse_amount(value: object) -> Amount:
    """Read an amount; a bare number counts tokens.

    Raises:
        ValueError: it is not an amount, is negative, or is larger than any run.
    """
    match = _AMOUNT.fullmatch(_letters(value))
    if match is None:
        raise ValueError(f"'{value}' is not an amount; write tokens as 28B or 4.3T, or 80%, 400 steps, 2048 samples")
    unit = _WORDS[match[3]]
    amount = Fraction(match[1].replace("_", "").replace(",", "")) * _SCALE[match[2].upper()]
    if amount < 0:
        raise ValueError(f"'{value}' is negative; amounts count forward from where they stand")
    if amount > MAX_TOKENS:
        raise ValueError(f"'{value}' is longer than any run; check the unit: K = 10^3, M = 10^6, B = 10^9, T = 10^12")
    return Amount(amount, unit)


Rest = Literal["rest"]


def parse_share(value: object) -> Fraction | Rest:
    """Read a share: 0.15, `15%` or `1/3`, as an exact fraction from 0 to 1; or `rest`, what the others leave.

    Raises:
        ValueError: it is none, or lies outside [0, 1].
    """
    text = _letters(value)
    if text == "rest":
        return "rest"
    try:
        share = Fraction(text[:-1].strip()) / 100 if text.endswith("%") else Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"'{value}' is not a share; write 0.15, 15%, 1/3 or rest") from None
    if not 0 <= share <= 1:
        raise ValueError(f"a share of {value} is outside 0 to 1; shares of a mix sum to 1 (or 100%)")
    return share


def parse_passes(value: object) -> Fraction:
    """Read a number of passes: 2, 0.5 or 1/3, as an exact fraction.

    Raises:
        ValueError: it is not a number, not positive, or above 10,000.
    """
    text = _letters(value)
    try:
        passes = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"'{value}' is not a number of passes; write 2 or 0.5") from None
    if not 0 < passes <= 10_000:
        raise ValueError(f"{value} passes is outside 0 to 10,000; write 2 or 0.5")
    return passes


def _letters(value: object) -> str:
    """The text of a number or string; a float's shortest text is the decimal that was written in the file."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"expected a number, found {type(value).__name__}; write one")
    text = repr(value) if isinstance(value, int | float) else value.strip()
    if len(text) > _MAX_LETTERS or re.search(r"[eE][-+]?\d{3}", text):
        raise ValueError("the number is too long to be meant; write it as 28B or 4.3T")
    return text


AmountField = Annotated[
    Amount,
    PlainValidator(parse_amount),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": f"^{_PATTERN}$"}]}),
]
"""An amount in a YAML file."""

ShareField = Annotated[
    Fraction | Rest,
    PlainValidator(parse_share),
    WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0, "maximum": 1}, {"type": "string"}]}),
]
"""A share in a YAML file."""

PassesField = Annotated[
    Fraction,
    PlainValidator(parse_passes),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
]
"""Passes over a source in a YAML file."""
