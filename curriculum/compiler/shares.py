"""Converts shares in any unit to shares of samples in billionths, which is what a schedule mixes by.

All arithmetic is on exact fractions. Every sample has the same number of tokens, so shares of tokens are shares of
samples; only `visual_tokens` need the manifests.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from fractions import Fraction

from schemas.manifest import TokenCounts
from schemas.order.mixing import SHARE_UNIT

TOLERANCE = Fraction(1, 10**9)
"""How far a sum of shares may be from 1: thirds written as 0.333333333 are meant to add up."""


def fill_rest(shares: Mapping[str, Fraction | str]) -> dict[str, Fraction]:
    """Shares as numbers: `rest` is what the others leave of 1.

    Raises:
        ValueError: two sources are the rest, or the others leave less than nothing, as `problem; remedy`.
    """
    open_ones = [name for name, share in shares.items() if isinstance(share, str)]
    given = {name: share for name, share in shares.items() if not isinstance(share, str)}
    if len(open_ones) > 1:
        raise ValueError(f"{' and '.join(open_ones)} cannot both be the rest; give all but one a number")
    left = 1 - sum(given.values(), Fraction(0))
    if open_ones and left < 0:
        raise ValueError(f"the other shares sum to {_decimal(1 - left)}, which leaves no rest; lower them")
    return {name: given.get(name, left) for name in shares}


def check_shares(shares: Mapping[str, Fraction], known: Sequence[str]) -> None:
    """Refuse shares that are no mix of the `known` sources.

    Raises:
        ValueError: problem and remedy, as `problem; remedy`.
    """
    for name in shares:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            remedy = f"did you mean '{close[0]}'?" if close else f"sources are: {', '.join(known)}"
            raise ValueError(f"unknown source '{name}'; {remedy}")
    total = sum(shares.values(), Fraction(0))
    if abs(total - 1) > TOLERANCE:
        parts = " + ".join(_decimal(share) for share in shares.values())
        off = total - 1
        change = f"take {_decimal(off)} away" if off > 0 else f"add {_decimal(-off)}"
        raise ValueError(f"shares sum to {_decimal(total)} instead of 1 ({parts}); {change}")
    for name, share in shares.items():
        if 0 < share < Fraction(1, SHARE_UNIT):
            raise ValueError(f"the share of '{name}' is below one billionth; raise it, or leave the source out")


def sample_shares(shares: Mapping[str, Fraction], unit: str, passes: Mapping[str, TokenCounts]) -> dict[str, Fraction]:
    """Shares of samples that give `shares` in `unit`.

    With `visual_tokens`, a source with images gets the share of samples at which its image tokens are its share of
    all tokens; the sources without images fill the rest in their proportion.

    Args:
        passes: tokens of one pass over each source.

    Raises:
        ValueError: the visual share cannot be reached, as `problem; remedy`.
    """
    total = sum(shares.values(), Fraction(0))
    if unit != "visual_tokens":
        return {name: share / total for name, share in shares.items()}
    visual = {name: Fraction(passes[name].visual, passes[name].total) for name in shares}
    with_images = {name: share / visual[name] for name, share in shares.items() if visual[name] and share}
    rest = 1 - sum(with_images.values(), Fraction(0))
    plain = {name: share for name, share in shares.items() if not visual[name] and share}
    if not with_images:
        raise ValueError("no source of this mix has images; use 'unit: tokens'")
    if rest < 0 or (rest == 0) != (not plain):
        densest = max(with_images, key=lambda name: visual[name])
        most = _decimal(visual[densest], 4)
        raise ValueError(
            f"these shares of visual tokens would need {_decimal(1 - rest, 4)} of the samples; at most {most} of the "
            f"tokens of '{densest}' are visual, so lower the shares or use 'unit: tokens'"
        )
    scale = rest / sum(plain.values(), Fraction(0)) if plain else Fraction(0)
    return with_images | {name: share * scale for name, share in plain.items()}


def billionths(shares: Mapping[str, Fraction], names: Sequence[str]) -> list[int]:
    """Integers that sum to `SHARE_UNIT`, in the order of `names`; no positive share becomes 0.

    What rounding down leaves goes to the largest remainders, the first of equals.
    """
    exact = [shares.get(name, Fraction(0)) * SHARE_UNIT for name in names]
    whole = [max(int(part), 1) if part else 0 for part in exact]
    left = SHARE_UNIT - sum(whole)
    order = sorted(range(len(names)), key=lambda i: (whole[i] - exact[i], i))
    for i in order[:left] if left >= 0 else ():
        whole[i] += 1
    if left < 0:  # sources lifted to one billionth: the largest pays
        whole[max(range(len(names)), key=lambda i: whole[i])] += left
    return whole


def _decimal(value: Fraction, digits: int = 9) -> str:
    return f"{float(value):.{digits}f}".rstrip("0").rstrip(".") or "0"
