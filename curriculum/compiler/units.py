"""Converts amounts to samples: tokens, steps and percentages on one scale."""

from __future__ import annotations

from dataclasses import dataclass

from curriculum.language.amounts import Amount


class UnfitError(Exception):
    """A curve or point that does not fit where it stands; `key` is the key in it that is at fault."""

    def __init__(self, key: str | None, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.key, self.problem, self.remedy = key, problem, remedy


class EndedError(UnfitError):
    """A curve that ends before the part of the run that it rules."""


@dataclass(frozen=True)
class Scale:
    """Holds the sizes that amounts are measured in."""

    seq_len: int
    global_batch: int
    trunk: int | None
    """Tokens."""

    def samples(self, amount: Amount, whole: int | None) -> int:
        """Nearest whole samples; a percentage is of `whole` samples."""
        if amount.unit == "percent" and whole is None:
            raise UnfitError("over", f"{amount} of what is not said", "add 'trunk: 4.3T', or write tokens")
        tokens = amount.tokens(whole=(whole or 0) * self.seq_len, sample=self.seq_len, batch=self.global_batch)
        return int((2 * tokens / self.seq_len + 1) // 2)
