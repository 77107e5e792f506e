"""Joins the past of one schedule and the future of another at a position, for a run that has already begun.

The past is taken over from the schedule that was trained, whatever the new curriculum says about it, and proven equal
by `prefix_hash` before anything is written. What the joined run draws is then checked against the supply again, for
a source may have given more, or less, than the new curriculum alone would have it.
"""

from __future__ import annotations

from common.errors import InputError
from curriculum.compiler.compile_curriculum import Compiled
from curriculum.compiler.layout import Supply
from schemas.order.learning_rate import Piece, rate_at
from schemas.phases import Phase, Source
from schemas.schedule import Schedule


def amend(running: Schedule, future: Compiled, position: int) -> Schedule:
    """`running` before `position`, `future` from there on.

    Raises:
        InputError: the two do not fit each other, or the joined run wants more than a source has.
    """
    new = future.schedule
    if not 0 < position < min(running.total_samples, new.total_samples):
        raise InputError(
            f"position {position:,} leaves no past or no future",
            field="--at",
            remedy=f"choose one between 1 and {min(running.total_samples, new.total_samples) - 1:,}",
        )
    for what in ("seed", "seq_len", "tokenizer"):
        if getattr(running, what) != getattr(new, what):
            key = "seed" if what == "seed" else "sources"
            remedy = "a future must share it with its past"
            future.document.refuse(f"the new curriculum has another {what}", key, remedy=remedy)
    if running.geometry and new.geometry and running.geometry != new.geometry:
        remedy = "pack the new data for the encoder that is being trained"
        future.document.refuse("the new curriculum's images have another geometry", "sources", remedy=remedy)
    if max(running.lanes, new.lanes) > 1:  # with lanes, the order depends on the batch that they were cut from
        for what in ("lanes", "global_batch"):
            if getattr(running, what) != getattr(new, what):
                remedy = "a future must share it with its past"
                future.document.refuse(f"the new curriculum has another {what}", what, remedy=remedy)
    sources = _join_sources(running, future)
    past = running.cut(position)
    phases = [_renumber(phase, running.sources, sources) for phase in past.phases]
    phases += [_renumber(phase, new.sources, sources) for phase in _phases_from(running, new, position)]
    joined = Schedule.model_validate(
        {
            **dict(new),
            "sources": sources,
            "phases": _rejoin(phases, running, position, sources),
            "learning_rate": _join_rates(past.learning_rate, new.learning_rate, position),
        }
    )
    if joined.prefix_hash(position) != running.prefix_hash(position):
        raise AssertionError("the joined run has another past")
    _refuse_shortage(joined, future)
    return joined


def _join_sources(running: Schedule, future: Compiled) -> list[Source]:
    """Sources of both; one that both have must hold the same samples."""
    joined = {source.name: source for source in running.sources}
    drawn = {name for name, count in running.counts(running.total_samples).items() if count}
    for source in future.schedule.sources:
        before = joined.get(source.name)
        if before is not None and source.name in drawn and before.identity != source.identity:
            problem = f"source '{source.name}' is another dataset than the one the run has drawn from"
            where = ("sources", source.name, "path")
            future.document.refuse(problem, *where, remedy="give the new dataset a name of its own")
        joined[source.name] = source
    return list(joined.values())


def _phases_from(running: Schedule, new: Schedule, position: int) -> list[Phase]:
    """The new schedule's phases from `position` on."""
    found = []
    for phase in new.phases:
        if phase.stop <= position:
            continue
        if phase.start < position:
            if phase.ramp is not None and not _same_ramp(phase, running.phase(position)):
                raise InputError(
                    f"position {position:,} lies inside the ramp of the new phase '{phase.name}'",
                    remedy="amend at the phase's start, or write the rest of the ramp as a phase of its own",
                )
            points = {key: [p for p in getattr(phase, key) if p > position] for key in ("evaluate_at", "checkpoint_at")}
            phase = phase.model_copy(update={"start": position, "reset_optimizer": False, **points})
        found.append(phase)
    return found


def _same_ramp(a: Phase, b: Phase) -> bool:
    def drawn(phase: Phase) -> object:
        return phase.start, phase.shares, phase.shares_to, phase.ramp, phase.ramp_over or phase.stop - phase.start

    return drawn(a) == drawn(b)


def _rejoin(phases: list[Phase], running: Schedule, position: int, sources: list[Source]) -> list[Phase]:
    """Make one phase again of a ramp that was cut at `position` and goes on unchanged."""
    index = next(i for i, phase in enumerate(phases) if phase.start == position)
    before, after = phases[index - 1], phases[index]
    if after.ramp is None or before.ramp is None or before.stop != position:
        return phases
    old = running.phase(position)
    if old.start == before.start and after.shares == before.shares and after.shares_to == before.shares_to:
        points = {key: getattr(before, key) + getattr(after, key) for key in ("evaluate_at", "checkpoint_at")}
        whole = before.model_copy(update={"stop": after.stop, **points})
        return [*phases[: index - 1], whole, *phases[index + 1 :]]
    return phases


def _renumber(phase: Phase, own: list[Source], joined: list[Source]) -> Phase:
    """The phase with shares in the order of the joined sources."""

    def order(shares: list[int] | None) -> list[int] | None:
        if shares is None:
            return None
        by_name = dict(zip((source.name for source in own), shares, strict=True))
        return [by_name.get(source.name, 0) for source in joined]

    return phase.model_copy(update={"shares": order(phase.shares), "shares_to": order(phase.shares_to)})


def _join_rates(past: list[Piece], new: list[Piece], position: int) -> list[Piece]:
    later = [piece for piece in new if piece.start >= position]
    if later and later[0].start == position:
        return past + later
    ruling = [piece for piece in new if piece.start < position][-1]
    if ruling == past[-1]:
        return past + later
    drawn_from = ruling.start if ruling.drawn_from is None else ruling.drawn_from
    taken_up = ruling.model_copy(update={"start": position, "drawn_from": drawn_from})
    assert rate_at([taken_up], position) == rate_at(new, position)
    return [*past, taken_up, *later]


def _refuse_shortage(joined: Schedule, future: Compiled) -> None:
    drawn = joined.counts(joined.total_samples)
    for name, spec in future.curriculum.sources.items():
        limit = Supply(name, future.datasets[name].source.samples, spec.exhausted, spec.max_passes).limit
        if limit is not None and drawn[name] > limit:
            future.document.refuse(
                f"past and future together draw {drawn[name]:,} samples of '{name}', which allows {limit:,}",
                *("sources", name, "max_passes"),
                remedy="lower its share from here on, allow more passes, or end the run earlier",
            )
