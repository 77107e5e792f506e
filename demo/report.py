"""What came of the demo: `report.html` and a table in the terminal, from the files that the stages left.

Nothing here depends on when or how often the stages ran, so an interrupted demo ends in the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from common import atomic_files
from common.html import page
from common.html.figure import svg
from demo import figures
from demo.accuracy import Accuracy, Scores
from demo.verdict import Verdict, compare, interval
from schemas.manifest import Manifest
from schemas.run_log import Step, steps
from schemas.schedule import Schedule

DATASETS = ("text", "pairs", "conversations")
Row = tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """All that the report shows."""

    schedule: Schedule
    log: list[Step]
    manifests: dict[str, Manifest]
    seeing: Scores
    text_only: Scores

    @property
    def verdict(self) -> Verdict:
        """The comparison on all held-out questions."""
        return compare(self.seeing.overall, self.text_only.overall)


def write(work: Path, console: Console) -> bool:
    """Write `work/report.html`, print the tables, and return whether images clearly helped.

    Raises:
        InputError: a stage's output is missing or damaged.
    """
    found = gather(work)
    target = work / "report.html"
    atomic_files.write_text(target, render(found))
    for title, (header, rows) in tables(found).items():
        shown = Table(*header, title=title, title_justify="left", box=None, pad_edge=False)
        for column in shown.columns[1:]:
            column.justify = "right"
        for row in rows:
            shown.add_row(*row)
        console.print(shown, "")
    console.print(f"[{'green' if found.verdict.better else 'red'}]{found.verdict.sentence}[/]")
    console.print(f"report: {target}")
    return found.verdict.better


def gather(work: Path) -> Findings:
    """Read what the stages wrote under `work`."""
    return Findings(
        Schedule.load(work / "runs/curriculum/schedule.json"),
        list(steps(work / "runs/curriculum/metrics.jsonl")),
        {name: Manifest.load(work / "data" / name) for name in DATASETS},
        Scores.read(work / "runs/curriculum/scores", blind=False),
        Scores.read(work / "runs/baseline/scores", blind=True),
    )


def render(found: Findings) -> str:
    """The HTML page."""
    parts = [
        page.verdict(found.verdict.sentence, found.verdict.better),
        svg(figures.accuracy(found.seeing, found.text_only)),
    ]
    plots = {
        "Target and realised mix": figures.mix(found.schedule, found.log),
        "Loss": figures.losses(found.schedule, found.log),
        "Learning rate": figures.learning_rate(found.schedule, found.log),
    }
    for title, (header, rows) in tables(found).items():
        parts += [page.heading(title), page.table(header, rows)]
        if title in plots:
            parts.append(svg(plots.pop(title)))
    for title, figure in plots.items():
        parts += [page.heading(title), svg(figure)]
    parts.append(page.note(f"{len(found.log):,} steps of {found.schedule.global_batch} sequences"))
    return page.page("Switchpoint demo", parts)


def tables(found: Findings) -> dict[str, tuple[Row, list[Row]]]:
    """The report's tables by title, for the page and the terminal alike."""
    return {
        "Held-out questions": _question_rows(found.seeing, found.text_only),
        "Target and realised mix": _mix_rows(found.schedule, found.log),
        "Loss": _loss_rows(found.schedule, found.log),
        "Data": _data_rows(found.manifests),
    }


def _question_rows(seeing: Scores, text_only: Scores) -> tuple[Row, list[Row]]:
    def cell(score: Accuracy) -> str:
        low, high = interval(score)
        return f"{score.share:.1%} [{low:.1%}, {high:.1%}]"

    kinds: dict[str, tuple[Accuracy, Accuracy]] = {"overall": (seeing.overall, text_only.overall)}
    kinds |= {name: (score, text_only.by_kind[name]) for name, score in seeing.by_kind.items()}
    rows: list[Row] = [
        (name, f"{mine.questions:,}", cell(mine), cell(other), f"{mine.chance:.1%}")
        for name, (mine, other) in kinds.items()
    ]
    return ("kind", "questions", "with images [99 %]", "text only [99 %]", "chance"), rows


def _mix_rows(schedule: Schedule, log: Sequence[Step]) -> tuple[Row, list[Row]]:
    """For each phase and source: samples due, and samples that the trainer counted.

    The trainer counts after each step; where a switch lies inside a step, the phase is taken up to the step before.
    """
    counted = {0: dict.fromkeys((s.name for s in schedule.sources), 0)}
    counted |= {step.position: step.samples for step in log}
    rows: list[Row] = []
    for phase in schedule.phases:
        stop = max((p for p in counted if p <= phase.stop), default=0)
        start = max((p for p in counted if p <= phase.start), default=0)
        for source in schedule.sources:
            due = schedule.targets(stop)[source.name] - schedule.targets(start)[source.name]
            mine = counted[stop][source.name] - counted[start][source.name]
            if due or mine:
                tokens = schedule.tokens(mine)
                share = mine / (stop - start)
                rows.append((phase.name, source.name, f"{due:,.2f}", f"{mine:,}", f"{share:.3%}", f"{tokens:,}"))
    return ("phase", "source", "samples due", "samples trained", "realised share", "tokens"), rows


def _loss_rows(schedule: Schedule, log: Sequence[Step]) -> tuple[Row, list[Row]]:
    """Mean loss of each source over the first and the last tenth of the steps of each phase that hold it."""
    rows: list[Row] = []
    for phase in schedule.phases:
        inside = [step for step in log if step.phase == phase.name]
        for source in schedule.sources:
            values = [s.loss_by_source[source.name] for s in inside if source.name in s.loss_by_source]
            if values:
                tenth = math.ceil(len(values) / 10)
                first, last = sum(values[:tenth]) / tenth, sum(values[-tenth:]) / tenth
                rows.append((phase.name, source.name, f"{first:.3f}", f"{last:.3f}"))
    return ("phase", "source", "loss, first tenth", "loss, last tenth"), rows


def _data_rows(manifests: dict[str, Manifest]) -> tuple[Row, list[Row]]:
    rows: list[Row] = []
    for name, manifest in manifests.items():
        tokens, rejected = manifest.tokens, manifest.rows.rejected
        why = ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejected.items())) or "none"
        counts = (manifest.rows.read, manifest.rows.written, manifest.samples)
        kinds = (tokens.text, tokens.visual, tokens.caption, tokens.pad)
        rows.append((name, *(f"{value:,}" for value in (*counts, *kinds)), why))
    return ("dataset", "rows", "written", "samples", "text", "visual", "caption", "pad", "rejects"), rows
