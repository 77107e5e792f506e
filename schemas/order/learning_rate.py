"""Evaluates the learning rate as one curve over the whole run, made of pieces that do not depend on each other.

A piece starts at its own position and rules until the next one starts, so a curve that was meant for 4.3 T tokens can
be left at 80 % (the paper's switch), and the next piece can go on from the value that it had there. `over` is the
length for which a curve was drawn, not how long it rules; past its end it stays at its final value.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from schemas.strict_model import Strict


class Piece(Strict):
    """One curve: from `first` at `start` to `last` at `start + over`."""

    start: int = Field(ge=0)
    """Position, in samples since the run's start."""
    shape: Literal["constant", "linear", "cosine", "inverse_sqrt"]
    first: float = Field(ge=0, allow_inf_nan=False)
    last: float = Field(ge=0, allow_inf_nan=False)
    """Ignored by `constant`; the floor of `inverse_sqrt`."""
    over: int = Field(ge=1)
    """Samples. For `inverse_sqrt`: after this many the rate has fallen to first / sqrt(2)."""
    drawn_from: int | None = Field(default=None, ge=0)
    """Where the curve has its first value, if that lies before `start`: an amended run takes up a curve on its way."""

    def at(self, position: int) -> float:
        """Learning rate at `position`."""
        done = max(position - (self.start if self.drawn_from is None else self.drawn_from), 0)
        x = min(done / self.over, 1.0)
        if self.shape == "constant":
            return self.first
        if self.shape == "linear":
            return self.first + (self.last - self.first) * x
        if self.shape == "cosine":
            return self.last + (self.first - self.last) * 0.5 * (1.0 + math.cos(math.pi * x))
        return max(self.last, self.first / math.sqrt(1.0 + done / self.over))


def rate_at(pieces: Sequence[Piece], position: int) -> float:
    """Learning rate at `position`; `pieces` are sorted by start, the first one starts at 0."""
    return pieces[bisect_right(pieces, position, key=lambda piece: piece.start) - 1].at(position)
