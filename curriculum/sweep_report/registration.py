"""Compares what a sweep's file said beforehand with what was run, scored and tried."""

from __future__ import annotations

from collections.abc import Sequence

from curriculum.sweep_report.analysis import Analysis
from curriculum.sweep_report.paper_findings import Ordering

AS_REGISTERED = "As registered before the runs: findings, tasks and seeds."


def departures(analysis: Analysis, tried: Sequence[Ordering]) -> list[str] | None:
    """Lists, in sentences, where the sweep departs from what was registered; None where nothing was.

    That the runs themselves are those of the sweep file needs no word here: scores of another schedule are refused.
    """
    said = analysis.sweep.registered
    if said is None:
        return None
    found = []
    claims = [one.claim for one in tried]
    if lacking := [claim for claim in said.findings if claim not in claims]:
        found.append(f"Registered, but not tried: {', '.join(lacking)}.")
    if more := [claim for claim in dict.fromkeys(claims) if claim not in said.findings]:
        found.append(f"Tried, but not registered: {', '.join(more)}.")
    tasks = {task for run in analysis.runs for task in run.tasks}
    if tasks != set(said.tasks):
        found.append(f"Scored on {', '.join(sorted(tasks)) or 'nothing'}; registered: {', '.join(sorted(said.tasks))}.")
    if few := sum(len(group) != said.seeds for group in analysis.groups):
        found.append(f"{few} of {len(analysis.groups)} configurations do not have {said.seeds} scored seeds.")
    if len(analysis.runs) < len(analysis.sweep.runs):
        found.append(f"{len(analysis.sweep.runs) - len(analysis.runs)} of the registered runs are not scored.")
    return found


def sentence(found: Sequence[str]) -> str:
    """Says in one paragraph whether all is as registered."""
    return " ".join(("NOT as registered.", *found)) if found else AS_REGISTERED
