"""Evaluates arithmetic in `${...}` exactly: `${text - vision * (1 - share) / share}` is computed from parameters.

Operands are parameters and amounts as the language writes them (`28B`, `10%`, `400 steps`, `1/3`); operators are
`+ - * /` and parentheses. Units follow: tokens stay tokens when multiplied by a share, tokens divided by tokens are a
plain number, and tokens are never added to steps. Beside a percentage, a plain number counts as one too: `1 - 10%` is
90 %. Nothing in the language is negative, so a negative result is refused where it is computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Literal

from curriculum.language.amounts import parse_amount

_NAME = r"[A-Za-z_]\w*"
_UNITS = r"%|(?:tokens?|steps?|samples?)(?!\w)"
_AMOUNT = rf"\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d{{1,2}})?(?:\s*[KMBTkmbt](?!\w))?(?:\s*(?:{_UNITS}))?"
_TOKEN = re.compile(rf"\s*(?:({_AMOUNT})|({_NAME})|([-+*/()]))")
_DIGITS = 18
"""Significant digits of a result that has no finite decimal."""

_LONGEST = 100
"""Tokens of the longest expression."""

Unit = Literal["number", "percent", "tokens", "steps", "samples"]
_SUFFIX: dict[Unit, str] = {"number": "", "percent": "%", "tokens": "", "steps": " steps", "samples": " samples"}


class UnsolvedError(Exception):
    """An expression without a usable value."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.problem, self.remedy = problem, remedy


@dataclass(frozen=True)
class Quantity:
    """An exact number and its unit; 80 % is 80 percent."""

    value: Fraction
    unit: Unit

    def __str__(self) -> str:
        """Formats the number as the language reads it: tokens are a bare number."""
        above, below = (Decimal(part) for part in self.value.as_integer_ratio())
        number = above if below == 1 else Context(_DIGITS).divide(above, below)
        return f"{number:f}{_SUFFIX[self.unit]}"


def is_name(text: str) -> bool:
    """Whether `text` can only be a parameter's name: no operator, no number, no parenthesis."""
    return not re.search(r"[+*/()\s]|^[\d-]|(?<=\s)-", text.strip())


def evaluate(text: str, parameter: Callable[[str], str]) -> str:
    """The value of an expression, as the language writes it.

    Args:
        parameter: gives the text of a parameter's value by its name.

    Raises:
        UnsolvedError: it is no expression, its units do not fit, it divides by zero, or its value is negative.
    """
    reader = _Reader(text, parameter)
    found = reader.sum()
    if reader.at < len(reader.tokens):
        raise reader.error(f"'{reader.tokens[reader.at]}' is not expected there")
    if found.value < 0:
        known = ", ".join(f"{name} = {value}" for name, value in reader.used.items())
        raise UnsolvedError(
            f"'{text.strip()}' comes to {found}, less than nothing{f' ({known})' if known else ''}",
            "change one of its parameters so that something is left",
        )
    return str(found)


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str, parameter: Callable[[str], str]) -> None:
        self.text, self.parameter = text, parameter
        self.used: dict[str, str] = {}
        """Parameters met so far and their values, for messages."""
        self.tokens: list[str] = []
        self.at = place = 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise self.error(f"'{text[place:].strip()[0]}' is not expected there")
            self.tokens.append(match[0].strip())
            place = match.end()
        if len(self.tokens) > _LONGEST:
            raise UnsolvedError("the expression is too long", "work out parts of it in parameters of their own")

    def error(self, problem: str) -> UnsolvedError:
        """Builds the error that says what is wrong with the expression's form."""
        return UnsolvedError(
            f"cannot work out '{self.text.strip()}': {problem}",
            "use names of parameters, amounts such as 28B or 10%, + - * / and parentheses",
        )

    def sum(self) -> Quantity:
        """Products, added and subtracted."""
        left = self._product()
        while self._next() in ("+", "-"):
            sign = self._take()
            right = self._product()
            left = self._added(left, right if sign == "+" else Quantity(-right.value, right.unit))
        return left

    def _product(self) -> Quantity:
        left = self._atom()
        while self._next() in ("*", "/"):
            left = (self._times if self._take() == "*" else self._over)(left, self._atom())
        return left

    def _atom(self) -> Quantity:
        token = self._take()
        if token == "-":
            negated = self._atom()
            return Quantity(-negated.value, negated.unit)
        if token == "(":
            inner = self.sum()
            if self._take() != ")":
                raise self.error("a parenthesis is not closed")
            return inner
        if re.fullmatch(_NAME, token):
            if token not in self.used:
                self.used[token] = self.parameter(token)
            return self._quantity(self.used[token], token)
        if not token or token in "+*/)":
            raise self.error(f"a value is missing{f' before {token!r}' if token else ' at the end'}")
        return self._quantity(token, None)

    def _quantity(self, text: str, name: str | None) -> Quantity:
        if re.fullmatch(r"\d{1,9}/0*[1-9]\d{0,8}", text):  # a share
            return Quantity(Fraction(text), "number")
        try:
            amount = parse_amount(text)
        except ValueError:
            if not name:
                raise self.error(f"found '{text}', which is no amount") from None
            problem = f"cannot work out '{self.text.strip()}': parameter '{name}' is '{text}', which is no amount"
            raise UnsolvedError(problem, f"give {name} an amount from 0 up, such as 28B or 10%") from None
        plain = amount.unit == "tokens" and not re.search(r"[KMBTkmbt]", text)
        return Quantity(amount.value, "number" if plain else amount.unit)

    def _added(self, left: Quantity, right: Quantity) -> Quantity:
        units = {left.unit, right.unit}
        if len(units) == 1:
            return Quantity(left.value + right.value, left.unit)
        if units == {"number", "percent"}:
            return Quantity(_percent(left) + _percent(right), "percent")
        if units == {"number", "tokens"}:  # a bare number counts tokens
            return Quantity(left.value + right.value, "tokens")
        raise self.error(f"{left.unit} and {right.unit} cannot be added")

    def _times(self, left: Quantity, right: Quantity) -> Quantity:
        for one, other in ((left, right), (right, left)):
            if one.unit == "number":
                return Quantity(one.value * other.value, other.unit)
        for one, other in ((left, right), (right, left)):
            if one.unit == "percent":
                return Quantity(one.value / 100 * other.value, other.unit)
        raise self.error(f"{left.unit} cannot be multiplied by {right.unit}")

    def _over(self, left: Quantity, right: Quantity) -> Quantity:
        if not right.value:
            known = ", ".join(f"{name} = {value}" for name, value in self.used.items())
            problem = f"cannot work out '{self.text.strip()}': it divides by zero{f' ({known})' if known else ''}"
            raise UnsolvedError(problem, "change what it divides by")
        if left.unit == right.unit:
            return Quantity(left.value / right.value, "number")
        if right.unit in ("number", "percent"):
            by = right.value / (100 if right.unit == "percent" else 1)
            return Quantity(left.value / by, left.unit)
        if {left.unit, right.unit} == {"number", "tokens"}:
            return Quantity(left.value / right.value, "number")
        raise self.error(f"{left.unit} cannot be divided by {right.unit}")

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self.at += 1
        return token


def _percent(one: Quantity) -> Fraction:
    return one.value * (100 if one.unit == "number" else 1)
