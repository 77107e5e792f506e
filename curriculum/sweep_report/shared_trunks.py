"""Computes what shared trunks save: tokens by arithmetic, seconds as measured.

A stretch's seconds are those of its steps, as the trainer's log has them (no start-up, no scoring). What a run would
take without sharing is the sum over the stretches on its path, since a trunk's steps are the same steps in either case.
Runs that were really trained alone, in a folder of their own, are the check: their seconds stand beside that sum.
"""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import InputError
from common.text_table import amount
from curriculum.sweep_report.read_runs import Run, SweepRuns


@dataclass(frozen=True)
class Alone:
    """Runs that were trained once more from their start."""

    runs: int
    tokens: int
    seconds: float
    """Of their steps, as measured."""
    predicted: float
    """Seconds of the same runs along their paths in the tree."""


@dataclass(frozen=True)
class Sharing:
    """A sweep with shared trunks beside the same runs without."""

    runs: int
    tokens: int
    tokens_without: int
    seconds: float
    """Of all steps of the tree; 0 before all stretches are trained."""
    seconds_without: float
    """Sum over the runs of the stretches on their paths."""
    alone: Alone | None = None

    @property
    def sentence(self) -> str:
        """All of it in words."""
        text = (
            f"{amount(self.tokens)} tokens were trained instead of {amount(self.tokens_without)}: shared trunks save "
            f"{1 - self.tokens / self.tokens_without:.0%} of the tokens"
        )
        if self.seconds:
            saved = 1 - self.seconds / self.seconds_without
            text += (
                f" and {saved:.0%} of the time ({self.seconds:,.0f} s of steps measured; one by one, the runs' paths "
                f"add up to {self.seconds_without:,.0f} s)"
            )
        if (one := self.alone) is not None:
            text += (
                f". Trained without sharing, {one.runs} of the {self.runs} runs took {one.seconds:,.0f} s of steps as "
                f"measured, where their paths in the tree add up to {one.predicted:,.0f} s"
            )
        return f"{text}."

    @property
    def rows(self) -> list[list[str]]:
        """The same as a table: what, tokens, seconds of steps."""
        found = [
            ["with shared trunks, measured", f"{self.tokens:,}", _seconds(self.seconds)],
            ["the same runs one by one, by their paths", f"{self.tokens_without:,}", _seconds(self.seconds_without)],
        ]
        if (one := self.alone) is not None:
            found += [
                [f"{one.runs} of {self.runs} runs trained alone, measured", f"{one.tokens:,}", _seconds(one.seconds)],
                ["those runs, by their paths", f"{one.tokens:,}", _seconds(one.predicted)],
            ]
        return found


def sharing(sweep: SweepRuns, alone: SweepRuns | None = None) -> Sharing:
    """Compare `sweep` with its own runs one by one, and with those of `alone`, which share nothing.

    Raises:
        InputError: a run of `alone` is none of the sweep's, or is another run under the same name.
    """
    trained = all(node.last is not None for node in sweep.nodes)
    return Sharing(
        runs=len(sweep.runs),
        tokens=sweep.tokens_with_sharing,
        tokens_without=sweep.tokens_without,
        seconds=sum(node.seconds for node in sweep.nodes) if trained else 0.0,
        seconds_without=sum(_along(sweep, run) for run in sweep.runs) if trained else 0.0,
        alone=_compared(sweep, alone) if alone is not None and trained else None,
    )


def _compared(sweep: SweepRuns, alone: SweepRuns) -> Alone | None:
    ours = {run.name: run for run in sweep.runs}
    pairs: list[tuple[Run, Run]] = []
    for run in alone.runs:
        same = ours.get(run.name)
        if same is None or (same.settings, same.schedule) != (run.settings, run.schedule):
            problem = f"'{run.name}' is not a run of {sweep.folder}"
            raise InputError(problem, file=alone.folder, remedy="expand both from the same sweep file")
        if run.last is not None and run.last.position == (same.last.position if same.last else None):
            pairs.append((same, run))
    if not pairs:
        return None
    return Alone(
        runs=len(pairs),
        tokens=sum(run.tokens for _, run in pairs),
        seconds=sum(_along(alone, run) for _, run in pairs),
        predicted=sum(_along(sweep, same) for same, _ in pairs),
    )


def _along(sweep: SweepRuns, run: Run) -> float:
    """Seconds of the stretches that a run passes through."""
    return sum(node.seconds for node in sweep.nodes if node.id in run.path)


def _seconds(value: float) -> str:
    return f"{value:,.1f} s" if value else "not trained yet"
