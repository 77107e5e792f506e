"""Writes the report of a sweep: what was found, the figures, which tasks count, every run and what it was trained
on.
"""

from __future__ import annotations

from pathlib import Path

from common import atomic_files
from common.html import page
from common.html.figure import svg
from common.text_table import amount
from curriculum.sweep_report.analysis import Analysis
from curriculum.sweep_report.axes import text
from curriculum.sweep_report.figures import figure, left_out
from curriculum.sweep_report.paper_findings import ERROR, Ordering, orderings, untried
from curriculum.sweep_report.preset_scores import halves, said
from curriculum.sweep_report.read_runs import Run
from curriculum.sweep_report.registration import departures, sentence
from curriculum.sweep_report.shared_trunks import Sharing
from curriculum.sweep_report.stable_score import SIGNAL

_NAMED = 3
"""Runs that a remark names."""

_TITLES = {
    "switch": "Score against switch point",
    "image_share": "Score against image share",
    "instruction_part": "Score against instructions among the images",
    "instruction_share": "Score against instruction share",
    "epochs": "Score against epochs of fine-tuning",
    "frozen": "Frozen against trained encoder",
}


def write(analysis: Analysis, shared: Sharing, out: Path) -> None:
    """Write `out` (HTML) and each figure as SVG into `figures/` beside it."""
    parts: list[str] = [page.verdict(summary(analysis, shared), good=not _missing(analysis))]
    parts += [page.verdict(one, good=False) for one in remarks(analysis)]
    tried = orderings(analysis)
    if no_signal(analysis):
        parts.append(page.verdict(NO_SIGNAL, good=False))
    if (found := departures(analysis, tried)) is not None:
        parts.append(page.verdict(sentence(found), good=not found))
    if tried:
        parts += [page.heading("Do the paper's orderings appear?"), _orderings(tried), page.note(_how(tried))]
    for axis in analysis.axes:
        drawing = svg(figure(analysis, axis))
        atomic_files.write_text(out.parent / "figures" / f"{axis.name}.svg", drawing + "\n")
        parts += [page.heading(_TITLES.get(axis.name, f"Score against {axis.name}")), drawing]
        parts += [page.note(one) for one in left_out(analysis, axis)]
    parts += [
        page.note(f"Bars are 95 % intervals {_over(analysis)}; 0 is chance, the dashed line."),
        page.heading("Tasks"),
        _tasks(analysis),
        *(page.note(one) for one in _scores_said(analysis)),
        page.heading("Configurations"),
        _configurations(analysis),
        page.heading("Shared trunks"),
        page.table(["", "tokens", "time of steps"], shared.rows),
        page.heading("Runs"),
        _runs(analysis),
        page.heading("Realised mix"),
        _mixes(analysis),
    ]
    atomic_files.write_text(out, page.page(f"Sweep {analysis.sweep.folder.name}", parts))


NO_SIGNAL = (
    "No vision task moves above its noise: at this scale the sweep has no noise-filtered score of vision, and its "
    "stable score is noise for the most part."
)


def no_signal(analysis: Analysis) -> bool:
    """Whether there were vision tasks, and none counts."""
    vision = analysis.measure("noise-filtered score, vision")
    return vision is not None and vision.estimates is None


def summary(analysis: Analysis, shared: Sharing) -> str:
    """The report in two sentences."""
    scored = f"{len(analysis.runs)} of {len(analysis.sweep.runs)} runs scored, {len(analysis.groups)} configurations."
    return f"{scored} {shared.sentence}"


def remarks(analysis: Analysis) -> list[str]:
    """Lists results that exist but that the report leaves out."""
    found = []
    for task, names in analysis.uneven.items():
        who = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
        found.append(
            f"'{task}' is in the table of runs alone: {len(names)} of {len(analysis.runs)} scored runs lack it "
            f"({who}); score them on it too."
        )
    if share := shared_by_seeds(analysis):
        found.append(
            f"Seeds of one configuration share up to {share:.0%} of their training: what differs between them is the "
            "noise of the rest alone, so intervals and verdicts say nothing of another run of the shared part."
        )
    if names := untried(analysis):
        found.append(
            f"No finding of the paper is tried on {', '.join(names)}: it has no measure here, or no two "
            "configurations stand on both sides of one and agree in all other parameters."
        )
    if analysis.no_axes:
        varied, flags = ", ".join(analysis.no_axes), " ".join(f"--axis {name}" for name in analysis.no_axes)
        found.append(f"Varied, but neither drawn nor in the table of configurations: {varied}; draw with {flags}.")
    return found


def _scores_said(analysis: Analysis) -> list[str]:
    """Says which scores the averages over tasks are made of."""
    if (preset := analysis.preset) is None:
        first = ["The stable score is the mean of (score - chance) over all these tasks that all scored runs have."]
    else:
        first = [
            f"The stable score of {half} is the mean of (score - chance) over the tasks of the preset '{preset.name}': "
            f"{said(preset, half)}."
            for half in halves(preset, analysis.runs)
        ]
    return [
        *first,
        "The noise-filtered score is the mean of (score - chance) / (1 - chance) over the tasks that move more than "
        f"{SIGNAL:g} times their noise between configurations; no finding is tried on it, since its tasks are chosen "
        "by how much they move.",
    ]


def shared_by_seeds(analysis: Analysis) -> float:
    """Largest part of its tokens that a run has in common with another seed of its configuration."""
    tokens = {node.id: node.tokens for node in analysis.sweep.nodes}
    found = 0.0
    for group in analysis.groups:
        runs = [analysis.runs[number] for number in group] if len(group) > 1 else []
        for number, run in enumerate(runs):
            common = (set(run.path) & set(other.path) for other in runs[:number])
            found = max([found, *(sum(tokens[node] for node in nodes) / run.tokens for nodes in common)])
    return found


def _missing(analysis: Analysis) -> bool:
    return len(analysis.runs) < len(analysis.sweep.runs)


def _how(tried: list[Ordering]) -> str:
    """How the verdicts come about."""
    if all(one.p is None for one in tried):
        return (
            "No verdicts: they need a second seed of some configuration (the same settings, another seed), whose "
            "scores differ; intervals are over items alone, and so too narrow."
        )
    return (
        f"p: probability of such a difference without any effect, corrected for the {len(tried)} findings tried "
        f"(Holm), and a verdict wants less than {ERROR:g}: where nothing has any effect, at most "
        f"1 report in {1 / ERROR:.0f} claims anything. Intervals hold for each "
        "difference by itself: one may leave out 0 where the verdict is undecided."
    )


def _over(analysis: Analysis) -> str:
    """Says what the figures' intervals cover."""
    return "over items and seeds" if any(len(group) > 1 for group in analysis.groups) else "over items alone (one seed)"


def _orderings(tried: list[Ordering]) -> str:
    rows = [
        [one.claim, one.measure, f"{one.difference.value:+.4f}", one.interval, one.probability, str(one.pairs),
         one.verdict]
        for one in tried
    ]  # fmt: skip
    return page.table(
        ["finding", "measured by", "difference", "95 % interval", "p", "comparisons", "at this scale"], rows
    )


def _tasks(analysis: Analysis) -> str:
    rows = [
        [one.task, f"{one.movement:.4f}", f"{one.noise:.4f}", "counts" if one.kept else "left out"]
        for one in analysis.signals
    ]
    rows += [[task, "", "", f"left out: {len(names)} runs lack it"] for task, names in analysis.uneven.items()]
    return page.table(["task", "movement", "noise", "in the noise-filtered score"], rows)


def _configurations(analysis: Analysis) -> str:
    names = [axis.name for axis in analysis.axes]
    rows = []
    for number, settings in enumerate(analysis.settings):
        cells = [text(settings, name) for name in names]
        for measure in analysis.measures:
            if measure.estimates is None:
                cells.append("no signal")
                continue
            one = measure.estimates.mean([number])
            blind = f", blind {measure.blind.mean([number]).value:.4f}" if measure.blind is not None else ""
            cells.append(f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]{blind}")
        rows.append([*cells[: len(names)], str(len(analysis.groups[number])), *cells[len(names) :]])
    return page.table([*names, "seeds", *(measure.name for measure in analysis.measures)], rows)


def _runs(analysis: Analysis) -> str:
    tasks = list(dict.fromkeys(task for run in analysis.sweep.runs for task in run.tasks))
    blind = list(dict.fromkeys(task for run in analysis.sweep.runs for task in run.summaries(blind=True)))
    rows = []
    for run in analysis.sweep.runs:
        cells = [
            f"{told[task].score:.4f}" if task in told else ""
            for told, names in ((run.tasks, tasks), (run.summaries(blind=True), blind))
            for task in names
        ]
        rows.append([run.name, _state(run), amount(run.tokens), str(len(run.path)), *cells])
    columns = [*(f"{task}, as scored" for task in tasks), *(f"{task}, as scored blind" for task in blind)]
    return page.table(["run", "state", "tokens", "stretches", *columns], rows)


def _state(run: Run) -> str:
    if run.results is not None:
        return "scored"
    if run.trained:
        return "trained, not scored"
    return "training" if run.last is not None else "to come"


def _mixes(analysis: Analysis) -> str:
    sources = list(dict.fromkeys(name for run in analysis.sweep.runs for name in run.mix))
    rows = []
    for run in analysis.sweep.runs:
        cells = []
        for name in sources:
            due, counted = run.mix.get(name, (0, 0))
            cells.append(f"{counted:,}" if due == counted else f"{counted:,} (schedule: {due:,})")
        rows.append([run.name, *cells])
    return page.table(["run: samples counted", *sources], rows)
