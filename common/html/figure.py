"""Draws figures as SVG text that is the same for the same numbers: no dates, no random ids."""

from __future__ import annotations

import io

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

mpl.rcParams["text.parse_math"] = False  # names are people's own: `$` in one is a letter, never a formula

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#bbbbbb", "#222255", "#997700")
"""Paul Tol's bright scheme and two darker tones: told apart by colour-blind readers too."""


def svg(figure: Figure) -> str:
    """The figure as an `<svg>` element, for a page or a file of its own."""
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "switchpoint"}):
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": "switchpoint"})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
