"""Compiles a curriculum file into a schedule; only here do language, datasets and arithmetic meet.

Order of work: read and check the file; read the manifests and check that they fit each other; draft the phases; lay
them out; end the run on a whole step; draw the learning rate; place evaluations and checkpoints. Each step refuses
what it cannot do exactly, naming the key that its author can mend.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from curriculum.compiler.datasets import Dataset, Shelf
from curriculum.compiler.doubts import doubts
from curriculum.compiler.layout import Drained, Layout, MisplacedError, Placed, ShortageError, Supply, lay_out, nearest
from curriculum.compiler.learning_rates import AnyCurve, draw
from curriculum.compiler.phase_drafts import Context, drafts
from curriculum.compiler.step_points import positions
from curriculum.compiler.units import EndedError, Scale, UnfitError
from curriculum.language.curriculum_file import Curriculum
from curriculum.language.template import Document
from schemas.conversation_format import VERSION_1
from schemas.order.learning_rate import Piece
from schemas.phases import Phase
from schemas.schedule import Schedule


@dataclass(frozen=True)
class Compiled:
    """A schedule and how it came about."""

    schedule: Schedule
    curriculum: Curriculum
    document: Document
    datasets: dict[str, Dataset]
    notes: list[str]
    """What the author should know: doubtful values, roundings, sources that ran out."""
    drained: list[Drained]
    """Sources that run out on the way."""


def compile_curriculum(document: Document, shelf: Shelf | None = None) -> Compiled:
    """Compile a filled-in document.

    Raises:
        InputError: the curriculum cannot be done as written; names file, line, key and remedy.
    """
    curriculum = document.load(Curriculum)
    datasets = (shelf or Shelf()).sources(curriculum, document)
    first = next(iter(datasets.values()))
    trunk = _trunk(document, curriculum, first.seq_len)
    context = Context(document, curriculum, datasets, Scale(first.seq_len, curriculum.global_batch, trunk))
    layout = _lay_out(context)
    notes = doubts(document, curriculum, context.scale)
    notes += [_note(one, first.seq_len) for one in layout.drained]
    notes += [f"phase '{curriculum.phases[number].name}' is not reached" for number in layout.dropped]
    placed = _end_on_a_step(context, layout.placed, notes)
    unnamed = (None, VERSION_1)  # a schedule names the format as manifests do: version 1 goes without saying
    schedule = Schedule(
        seed=curriculum.seed,
        seq_len=first.seq_len,
        global_batch=curriculum.global_batch,
        lanes=_lanes(document, curriculum),
        tokenizer=first.tokenizer,
        geometry=next((dataset.geometry for dataset in datasets.values() if dataset.geometry), None),
        conversation=next((one.conversation for one in datasets.values() if one.conversation not in unnamed), None),
        sources=[
            datasets[name].source.model_copy(update={"name": name, "path": spec.path})
            for name, spec in curriculum.sources.items()
        ],
        phases=_phases(context, placed),
        learning_rate=_learning_rate(context, placed),
    )
    return Compiled(schedule, curriculum, document, datasets, notes, layout.drained)


def _note(drained: Drained, seq_len: int) -> str:
    place = f"at token {drained.position * seq_len:,} (sample {drained.position:,})"
    if drained.ends_run:
        return f"the run ends where '{drained.source}' runs out, {place}"
    return f"'{drained.source}' runs out {place}; its share goes to the others from there on"


def _trunk(document: Document, curriculum: Curriculum, seq_len: int) -> int | None:
    """The trunk in tokens."""
    if curriculum.trunk is None:
        return None
    if curriculum.trunk.unit == "percent":
        document.refuse("the trunk is what percentages are of", "trunk", remedy="write tokens, as 4.3T")
    return int(curriculum.trunk.tokens(whole=0, sample=seq_len, batch=curriculum.global_batch))


def _lanes(document: Document, curriculum: Curriculum) -> int:
    lanes, batch = curriculum.lanes, curriculum.global_batch
    if batch % lanes:
        fits = max(count for count in range(1, min(lanes, batch) + 1) if batch % count == 0)
        problem = f"a global batch of {batch:,} samples cannot be cut into {lanes:,} equal lanes"
        document.refuse(problem, "lanes", remedy=f"write a divisor of global_batch, such as {fits}")
    return lanes


def _lay_out(context: Context) -> Layout:
    specs = context.curriculum.sources
    supplies = [
        Supply(name, context.datasets[name].source.samples, specs[name].exhausted, specs[name].max_passes)
        for name in context.names
    ]
    try:
        return lay_out(drafts(context), supplies)
    except MisplacedError as error:
        phase = context.curriculum.phases[error.draft]
        start, stop = (nearest(exact * context.scale.seq_len) for exact in (error.start, error.stop))
        overlaps = stop < start
        context.document.refuse(
            f"phase '{phase.name}' {'overlaps the one before' if overlaps else 'is empty'}: "
            f"it would run from token {start:,} to {stop:,}",
            *("phases", error.draft, "until" if phase.until is not None else "for"),
            remedy="end it later, or the one before earlier ('until' counts from the start of the run)"
            if overlaps
            else "end it later (a bare number counts tokens: '50 steps'), remove it, or let it be left out with "
            "'may_be_empty: true'",
        )
    except ShortageError as error:
        _refuse_shortage(context, error, supplies[error.source])


def _refuse_shortage(context: Context, error: ShortageError, supply: Supply) -> NoReturn:
    phase = context.curriculum.phases[error.draft].name
    token = f"token {error.position * context.scale.seq_len:,} of the run"
    if error.wanted > supply.samples:
        passes = -(-error.wanted // supply.samples)
        allowed = "" if supply.max_passes is None else f" in each of the {supply.max_passes} passes allowed"
        problem = f"'{supply.name}' has {supply.samples:,} samples{allowed}, phase '{phase}' wants {error.wanted:,}"
        remedy = f"allow passes ('exhausted: repeat, max_passes: {passes}'), lower its share, or end the phase earlier"
    else:
        problem = f"'{supply.name}' is used up and phase '{phase}' has no other source to go on with"
        remedy = "end the phase earlier, add a source to its mix, or use 'exhausted: repeat'"
    key = "max_passes" if supply.max_passes is not None else "exhausted"
    context.document.refuse(f"{problem}: it runs out at {token}", "sources", supply.name, key, remedy=remedy)


def _end_on_a_step(context: Context, placed: Sequence[Placed], notes: list[str]) -> list[Placed]:
    """Cut the run's end down to a whole step, so that no step is partial."""
    batch, document = context.scale.global_batch, context.document
    exact = placed[-1].segment.stop if placed else 0
    end = exact // batch * batch
    if not end:
        remedy = "lengthen the phases, or lower global_batch"
        document.refuse(f"the whole run has {exact:,} samples, less than a step", "phases", remedy=remedy)
    kept = [one for one in placed if one.segment.start < end]
    if kept[-1].draft != placed[-1].draft:
        phase = context.curriculum.phases[placed[-1].draft].name
        problem = f"phase '{phase}' lies in the run's last, partial step, which is not trained"
        document.refuse(problem, "phases", placed[-1].draft, remedy="lengthen it by a step")
    if end < exact:
        last = kept[-1].segment
        over = (last.ramp_over or last.stop - last.start) if last.ramp else None
        kept[-1] = replace(kept[-1], segment=replace(last, stop=end, ramp_over=over))
        notes.append(f"the run ends on a whole step: {exact - end:,} samples of a partial one are left out")
    return kept


def _stretches(placed: Sequence[Placed]) -> dict[int, tuple[int, int]]:
    """Start and stop of every phase of the file that has a place in the run."""
    found: dict[int, tuple[int, int]] = {}
    for one in placed:
        start, _ = found.get(one.draft, (one.segment.start, 0))
        found[one.draft] = (start, one.segment.stop)
    return found


def _phases(context: Context, placed: Sequence[Placed]) -> list[Phase]:
    stretches = _stretches(placed)
    phases: list[Phase] = []
    for one in placed:
        spec, segment = context.curriculum.phases[one.draft], one.segment
        points: dict[str, list[int]] = {}
        for key, wanted in (("evaluate", spec.evaluate), ("checkpoint", spec.checkpoint)):
            try:
                found = positions(wanted, *stretches[one.draft], context.scale)
            except UnfitError as error:
                inner = [error.key] if error.key else []
                context.document.refuse(error.problem, "phases", one.draft, key, *inner, remedy=error.remedy)
            points[key] = [position for position in found if segment.start < position <= segment.stop]
        phases.append(
            Phase(
                name=spec.name,
                start=segment.start,
                stop=segment.stop,
                shares=list(segment.shares),
                shares_to=None if segment.shares_to is None else list(segment.shares_to),
                ramp=segment.ramp,
                ramp_over=segment.ramp_over,
                freeze=list(spec.freeze),
                reset_optimizer=spec.reset_optimizer and segment.start == stretches[one.draft][0],
                evaluate_at=points["evaluate"],
                checkpoint_at=points["checkpoint"],
            )
        )
    return phases


def _learning_rate(context: Context, placed: Sequence[Placed]) -> list[Piece]:
    """Curves of the run and of its phases, each ruling until the next."""
    phases, end = context.curriculum.phases, placed[-1].segment.stop
    own = [(start, number) for number, (start, _) in _stretches(placed).items() if phases[number].learning_rate]
    pieces: list[Piece] = []
    if not own or own[0][0] > 0:
        stop = own[0][0] if own else end
        pieces = _draw(context, context.curriculum.learning_rate, pieces, (0, stop), "learning_rate")
    for index, (start, number) in enumerate(own):
        stop = own[index + 1][0] if index + 1 < len(own) else end
        curve = phases[number].learning_rate
        assert curve is not None
        drawn = _draw(context, curve, pieces, (start, stop), "phases", number, "learning_rate")
        pieces = [piece for piece in pieces if piece.start < start] + drawn
    return pieces


def _draw(
    context: Context, curve: AnyCurve, before: list[Piece], rules: tuple[int, int], *loc: str | int
) -> list[Piece]:
    try:
        return draw(curve, before, *rules, context.scale)
    except UnfitError as error:
        for number, phase in enumerate(context.curriculum.phases):
            beyond = phase.until is not None and phase.until.unit == "percent" and phase.until.value > 100
            if beyond and isinstance(error, EndedError):
                problem = f"'{phase.name}' ends at {phase.until} of the trunk: {error.problem}"
                remedy = f"end it at 100% or before; or else {error.remedy}"
                context.document.refuse(problem, "phases", number, "until", remedy=remedy)
        context.document.refuse(error.problem, *loc, *([error.key] if error.key else []), remedy=error.remedy)
