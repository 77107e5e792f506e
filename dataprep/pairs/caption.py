"""Chooses an image's caption: the web's own, a synthetic one, or either with given probabilities.

The draw depends on the seed and the uid alone (a keyed hash), not on row order, tar or attempt, so the same pair gets
the same caption wherever it is processed, and two seeds give independent choices.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from pydantic import Field, model_validator

from common.quantities import Bytes
from dataprep.engine.rejects import RejectError
from schemas.strict_model import Strict

Source = Literal["web", "synthetic"]


class CaptionPolicy(Strict):
    """How a caption is chosen."""

    use: Literal["web", "synthetic", "sample"] = "web"
    """`web`: alt text as crawled; `synthetic`: one of the generated captions; `sample`: either, by `probabilities`."""
    probabilities: dict[Source, float] | None = None
    """For `sample`: shares that sum to 1. A pair that lacks the drawn source takes the other one."""
    max_bytes: Bytes = Field(default=8192, gt=0)
    """UTF-8 bytes; a longer caption is a page of text, and its row is rejected rather than cut."""

    @model_validator(mode="after")
    def _probabilities_fit(self) -> Self:
        if (self.use == "sample") != (self.probabilities is not None):
            raise ValueError("`probabilities` belongs to `use: sample`; give both or neither")
        if self.probabilities is not None:
            values = self.probabilities.values()
            if not (min(values, default=-1) >= 0 and abs(sum(values) - 1) <= 1e-9):  # so that NaN is refused
                raise ValueError("`probabilities` must be non-negative and sum to 1; adjust them")
        return self


@dataclass(frozen=True)
class Caption:
    """Holds a chosen caption and its kind."""

    text: str
    source: Source
    index: int
    """Which of the synthetic captions; 0 for the web's."""


def choose(policy: CaptionPolicy, uid: str, seed: int, web: str | None, synthetic: Sequence[str]) -> Caption:
    """The caption of the pair `uid`.

    Raises:
        RejectError: `no_caption` (the policy's source is absent or empty), `caption_too_long`.
    """
    candidates: dict[Source, list[str]] = {
        "web": [text for text in [clean(web or "")] if text],
        "synthetic": [text for text in map(clean, synthetic) if text],
    }
    # Most pairs have no choice to make, and a hash is not free.
    chance = policy.use == "sample" or (policy.use == "synthetic" and len(candidates["synthetic"]) > 1)
    source_draw, index_draw = _draws(uid, seed) if chance else (0.0, 0.0)
    source = _source(policy, source_draw)
    if policy.use == "sample" and not candidates[source]:
        source = "web" if source == "synthetic" else "synthetic"
    texts = candidates[source]
    if not texts:
        raise RejectError("no_caption", f"no {source} caption")
    index = int(index_draw * len(texts))
    text = texts[index]
    if (length := len(text.encode())) > policy.max_bytes:
        raise RejectError("caption_too_long", f"{length:,} bytes")
    return Caption(text, source, index)


def clean(text: str) -> str:
    """`text` as one line of valid Unicode: controls (NUL among them) and line breaks become spaces, runs collapse."""
    if text.isascii() and text.isprintable():
        return " ".join(text.split())
    valid = text.encode("utf-8", "replace").decode()
    return " ".join("".join(c if c.isprintable() else _replacement(c) for c in valid).split())


def _replacement(char: str) -> str:
    """Unprintable characters that carry meaning stay (joiners inside emoji and words); others separate words."""
    return char if char in "\u200c\u200d\u00ad" else " "


def _source(policy: CaptionPolicy, draw: float) -> Source:
    if policy.probabilities is None:
        return "synthetic" if policy.use == "synthetic" else "web"
    return "web" if draw < policy.probabilities.get("web", 0.0) else "synthetic"


def _draws(uid: str, seed: int) -> tuple[float, float]:
    """Two independent uniform numbers in [0, 1) for `uid` under `seed`."""
    key = seed.to_bytes(8, "little", signed=True)
    digest = hashlib.blake2b(uid.encode("utf-8", "surrogatepass"), digest_size=16, key=key, person=b"caption").digest()
    first, second = (int.from_bytes(digest[i : i + 8], "little") >> 11 for i in (0, 8))
    return first * 2.0**-53, second * 2.0**-53
