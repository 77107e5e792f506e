"""Prints plain text tables, and numbers as a reader wants them."""

from __future__ import annotations

from collections.abc import Sequence


def amount(value: float) -> str:
    """Tokens or samples as people write them: 27.999 B."""
    for scale, letter in ((10**12, " T"), (10**9, " B"), (10**6, " M"), (10**3, " K")):
        if abs(value) >= scale:
            return f"{value / scale:.4g}{letter}"
    return f"{value:.4g}"


def number(value: float) -> str:
    """Hours or money: whole from a thousand on, four digits below."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def percent(share: float) -> str:
    """A share with as many digits as it needs: 1 %, 0.25 %."""
    return f"{100 * share:.6g} %"


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Aligned columns; the first row is the heading; columns in `right` are right-aligned."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
