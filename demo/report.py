"""What came of the demo: `report.html` and tables in the terminal, from the files that the stages left.

Nothing here depends on when or how often the stages ran, so an interrupted demo ends in the same bytes; what does
(speed, checkpoints on disk) is on the pages of the two runs, which `report.html` links to.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from common import atomic_files
from common.html import page
from common.html.figure import svg
from demo import figures, questions_shown
from demo.accuracy import Accuracy, Scores
from demo.questions_shown import Shown
from demo.verdict import Verdict, compare, interval
from schemas.manifest import Manifest
from train.report import figures as run_figures
from train.report import page as run_page
from train.report import record, tables
from train.report.record import Record

DATASETS = ("text", "pairs", "conversations", "conversations-text")
PAGES = {
    "data/text/report.html": "text job",
    "data/images/download.html": "download job",
    "data/pairs/report.html": "pairs job",
    "data/conversations/report.html": "conversations job",
    "runs/curriculum/report.html": "the run with images",
    "runs/baseline/report.html": "the text-only run",
}
"""Reports that the page links to, by path below the work folder."""


@dataclass(frozen=True)
class Findings:
    """All that the report shows."""

    run: Record
    manifests: dict[str, Manifest]
    seeing: Scores
    text_only: Scores
    shown: dict[str, list[Shown]]
    pages: list[tuple[str, str]]

    @property
    def verdict(self) -> Verdict:
        """The comparison on all held-out questions."""
        return compare(self.seeing.overall, self.text_only.overall)


def write(work: Path, console: Console) -> bool:
    """Write `work/report.html`, print the tables, and return whether images clearly helped.

    Raises:
        InputError: a stage's output is missing or damaged.
    """
    for name in ("curriculum", "baseline"):
        one = record.read(work / "runs" / name)
        html = run_page.render(one, tokenizer=work / "world/tokenizer")
        atomic_files.write_text(one.folder / "report.html", html)
    found = gather(work)
    target = work / "report.html"
    atomic_files.write_text(target, render(found))
    for title, (header, rows) in summary(found).items():
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
    seeing, text_only = work / "runs/curriculum/scores", work / "runs/baseline/scores"
    return Findings(
        record.read(work / "runs/curriculum"),
        {name: Manifest.load(work / "data" / name) for name in DATASETS},
        Scores.read(seeing, blind=False),
        Scores.read(text_only, blind=True),
        questions_shown.choose(work / "world/held_out", seeing, text_only),
        [(path, says) for path, says in PAGES.items() if (work / path).is_file()],
    )


def render(found: Findings) -> str:
    """The HTML page."""
    parts = [page.verdict(found.verdict.sentence, found.verdict.better)]
    parts += [page.heading("Held-out questions"), svg(figures.accuracy(found.seeing, found.text_only))]
    parts.append(page.table(*_question_rows(found.seeing, found.text_only)))
    for kind, shown in found.shown.items():
        right = sum(one.right for one in shown)
        counts = f"{right} that it got right, {len(shown) - right} that it got wrong"
        parts += [page.heading(f"{kind.capitalize()}: {counts}"), page.gallery((o.picture, o.caption) for o in shown)]
    parts += run_page.section("Target and realised mix", tables.mix(found.run), lambda: run_figures.mix(found.run))
    parts += run_page.section("Loss by source", tables.loss(found.run), lambda: run_figures.loss(found.run))
    parts += [page.heading("Learning rate"), svg(run_figures.learning_rate(found.run))]
    parts += run_page.section("Where each token came from", tables.tokens(found.run))
    parts += run_page.section("What the data jobs made of their rows", _data_rows(found.manifests))
    parts += [page.heading("Reports"), page.links(found.pages)]
    steps = f"{len(found.run.log):,} steps of {found.run.schedule.global_batch} sequences"
    return page.page("Switchpoint demo", [*parts, page.note(steps)])


def summary(found: Findings) -> dict[str, tables.Table]:
    """The tables that the terminal shows, by title."""
    return {
        "Held-out questions": _question_rows(found.seeing, found.text_only),
        "Target and realised mix": tables.mix(found.run),
        "Where each token came from": tables.tokens(found.run),
        "Data": _data_rows(found.manifests),
    }


def _question_rows(seeing: Scores, text_only: Scores) -> tables.Table:
    def cell(score: Accuracy) -> str:
        low, high = interval(score)
        return f"{score.share:.1%} [{low:.1%}, {high:.1%}]"

    kinds: dict[str, tuple[Accuracy, Accuracy]] = {"overall": (seeing.overall, text_only.overall)}
    kinds |= {name: (score, text_only.by_kind[name]) for name, score in seeing.by_kind.items()}
    rows: list[tables.Row] = [
        (name, f"{mine.questions:,}", cell(mine), cell(other), f"{mine.chance:.1%}")
        for name, (mine, other) in kinds.items()
    ]
    return ("kind", "questions", "with images [99 %]", "text only [99 %]", "chance"), rows


def _data_rows(manifests: dict[str, Manifest]) -> tables.Table:
    rows: list[tables.Row] = []
    for name, manifest in manifests.items():
        tokens, rejected = manifest.tokens, manifest.rows.rejected
        why = ", ".join(f"{reason} {count:,}" for reason, count in sorted(rejected.items())) or "none"
        counts = (manifest.rows.read, manifest.rows.written, manifest.samples)
        kinds = (tokens.text, tokens.visual, tokens.caption, tokens.pad)
        rows.append((name, *(f"{value:,}" for value in (*counts, *kinds)), why))
    return ("dataset", "rows", "written", "samples", "text", "visual", "caption", "pad", "rejects"), rows
