"""A bar chart as SVG without a drawing library: for pages that are made where none is installed."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT, _BELOW, _ABOVE = 720, 180, 34, 16
_COLOUR = "#4477aa"


def bars(labels: Sequence[str], values: Sequence[int], *, unit: str) -> str:
    """One upright bar for each value, its label below it, and its value where the pointer rests.

    Args:
        labels: as many as `values`; every second one is shown where there are more than 16.
        unit: what is counted, for the text at the pointer and for readers without a picture.
    """
    step, top = _WIDTH / max(len(values), 1), max([*values, 1])
    parts = [
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT + _BELOW + _ABOVE}" role="img" aria-label="{escape(unit)}" '
        'font-family="system-ui, sans-serif" font-size="11">'
    ]
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        height = _HEIGHT * value / top
        left, base = place * step, _ABOVE + _HEIGHT
        parts.append(
            f'<rect x="{left + step * 0.1:.1f}" y="{base - height:.1f}" width="{step * 0.8:.1f}" '
            f'height="{height:.1f}" fill="{_COLOUR}"><title>{escape(label)}: {value:,} {escape(unit)}</title></rect>'
        )
        if len(values) <= 16 or place % 2 == 0:
            parts.append(
                f'<text x="{left + step / 2:.1f}" y="{base + 14}" text-anchor="middle" fill="#555">'
                f"{escape(label)}</text>"
            )
    parts.append(f'<text x="0" y="11" fill="#555">{top:,} {escape(unit)} in the tallest bar</text></svg>')
    return "\n".join(parts)
