"""Figures about GPUs say how they came about: modelled, or measured on a card that is named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "docs/training.md", "docs/cluster.md")
FIGURE = re.compile(
    r"\d[\d.,]*(?: ?[kM])? (?:TFLOP/s|tokens/s|images/s|% MFU|GB\b|ms\b)|milliseconds|MFU[^|\n]*\|[^\n]*\d"
)
CARD = re.compile(r"\b(?:GPUs?|H100|H200|MFU|7B)\b")
LABELS = ("modelled, not measured", "on one H200", "On CPU")
MEASURED = ("The same text run made 347,399 tokens/s",)
"""Beginnings of paragraphs about what the paragraph before has measured on its card."""


def unlabelled(page: str) -> list[str]:
    """Paragraphs (a table belongs to the one before it) with a figure about GPUs and nothing that says whence it is."""
    found = []
    for block in re.split(r"\n\n(?!\|)", page):
        about = FIGURE.search(block) and CARD.search(block)
        if about and not any(label in block for label in LABELS) and not block.startswith(MEASURED):
            found.append(block)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_figures_about_gpus_say_whence_they_are(name: str) -> None:
    assert unlabelled((ROOT / name).read_text(encoding="utf-8")) == []


def test_a_figure_without_its_origin_is_found() -> None:
    page = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    count = page.count("modelled, not measured")
    assert count >= 6
    assert len(unlabelled(page.replace("modelled, not measured", "modelled"))) >= 4
    assert unlabelled("1.4B makes 57 k tokens/s on an H200.\n\nText.") == ["1.4B makes 57 k tokens/s on an H200."]
