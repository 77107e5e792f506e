"""Turns phases as written into drafts with shares in billionths and lengths in exact samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from curriculum.compiler.datasets import Dataset
from curriculum.compiler.layout import MAX_SAMPLES, Draft, nearest
from curriculum.compiler.shares import billionths, check_shares, fill_rest, sample_shares
from curriculum.compiler.units import Scale
from curriculum.language.amounts import Amount
from curriculum.language.curriculum_file import Curriculum, PhaseSpec, Ramp
from curriculum.language.template import Document
from schemas.order.mixing import SHARE_UNIT
from schemas.order.ramp import Shape


@dataclass(frozen=True)
class Context:
    """A checked curriculum file and its datasets."""

    document: Document
    curriculum: Curriculum
    datasets: dict[str, Dataset]
    scale: Scale

    @property
    def names(self) -> list[str]:
        """Sources in the order of the file, which is their order in the schedule."""
        return list(self.curriculum.sources)


def drafts(context: Context) -> list[Draft]:
    """One draft for each phase.

    Raises:
        InputError: a mix or a length is not one; names file, line, key and remedy.
    """
    found: list[Draft] = []
    seen: set[str] = set()
    for number, phase in enumerate(context.curriculum.phases):
        if phase.name in seen:
            problem = f"two phases are named '{phase.name}'"
            context.document.refuse(problem, "phases", number, "name", remedy="rename one of them")
        seen.add(phase.name)
        mixes, ramp = _mixes(context, number, phase)
        if phase.passes is not None:
            found.append(_by_passes(context, number, phase, mixes))
            continue
        exact = _exact_samples(context, number, phase)
        by_end = phase.until is not None
        until, length = (exact, None) if by_end else (None, exact)
        found.append(Draft(mixes, ramp, until=until, length=length, may_be_empty=phase.may_be_empty))
    return found


def _by_passes(context: Context, number: int, phase: PhaseSpec, mixes: Sequence[Sequence[int]]) -> Draft:
    assert phase.passes is not None
    (name, passes), *_ = phase.passes.items()
    if name not in context.names or not mixes[0][context.names.index(name)]:
        context.document.refuse(
            f"the phase does not draw from '{name}', so passes over it never end",
            *("phases", number, "passes", name),
            remedy="name a source of the phase's mix",
        )
    if len(mixes) > 1:
        problem = "a ramp needs a length that is known beforehand"
        context.document.refuse(problem, "phases", number, "passes", remedy="use 'for' or 'until'")
    samples = max(1, nearest(passes * context.datasets[name].source.samples))
    return Draft(mixes, draw=(context.names.index(name), samples))


def _exact_samples(context: Context, number: int, phase: PhaseSpec) -> Fraction:
    """Converts `until`, `for` or `steps` to samples, unrounded."""
    scale = context.scale
    if phase.steps is not None:
        key, amount = "steps", Amount(Fraction(phase.steps), "steps")
    else:
        key = "until" if phase.until is not None else "for"
        amount = phase.until or phase.for_ or Amount(Fraction(0), "tokens")
    if amount.unit == "percent" and scale.trunk is None:
        remedy = "add 'trunk: 4.3T' at the top, or write tokens"
        context.document.refuse(f"{amount} of what is not said", "phases", number, key, remedy=remedy)
    exact = amount.tokens(whole=scale.trunk or 0, sample=scale.seq_len, batch=scale.global_batch) / scale.seq_len
    if exact > MAX_SAMPLES:
        problem = f"{float(exact):.3g} samples are more than any run has"
        context.document.refuse(problem, "phases", number, key, remedy="check the unit")
    return exact


def _mixes(context: Context, number: int, phase: PhaseSpec) -> tuple[list[list[int]], Shape | None]:
    """The phase's mix, the two ends of its ramp, or its stairs."""
    if not isinstance(phase.mix, Ramp):
        return [_shares(context, phase, phase.mix, "phases", number, "mix")], None
    first = _shares(context, phase, phase.mix.from_, "phases", number, "mix", "from")
    last = _shares(context, phase, phase.mix.to, "phases", number, "mix", "to")
    if phase.mix.shape != "step":
        return [first, last], phase.mix.shape
    climb = (phase.mix.stairs or 2) - 1
    stairs = [
        {
            name: Fraction(low * (climb - stair) + high * stair, climb * SHARE_UNIT)
            for name, low, high in zip(context.names, first, last, strict=True)
        }
        for stair in range(climb + 1)
    ]
    return [billionths(shares, context.names) for shares in stairs], None


def _shares(context: Context, phase: PhaseSpec, written: Mapping[str, Fraction | str], *loc: str | int) -> list[int]:
    tokens = {name: dataset.source.tokens for name, dataset in context.datasets.items()}
    try:
        shares = fill_rest(written)
        check_shares(shares, context.names)
        return billionths(sample_shares(shares, phase.unit, tokens), context.names)
    except ValueError as error:
        problem, _, remedy = str(error).partition("; ")
        unknown = [name for name in written if name not in context.names][:1]
        context.document.refuse(problem, *loc, *unknown, remedy=remedy)
