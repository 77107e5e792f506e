"""Computes the learning rate over the whole run from the curves of the run and of its phases.

A curve rules from where it is written until the next one is; its pieces are drawn from its own start, so leaving a
curve early (the switch at 80 %) or going on from the value at the switch needs no arithmetic by hand. Values taken
from a curve are rounded to 12 digits: cosines differ in their last bits between platforms, schedules must not.
"""

from __future__ import annotations

from collections.abc import Sequence

from curriculum.compiler.units import EndedError, Scale, UnfitError
from curriculum.language.curriculum_file import Continue, Curve, Rewarm
from schemas.order.learning_rate import Piece, rate_at

AnyCurve = Curve | Rewarm | Continue


def draw(curve: AnyCurve, before: Sequence[Piece], start: int, stop: int, scale: Scale) -> list[Piece]:
    """Pieces of a curve that rules over [start, stop) samples.

    Args:
        before: pieces of the curves that ruled so far; `continue` and `rewarm` begin at their value.

    Raises:
        UnfitError: warm-up, floor or length do not fit the stretch that the curve rules.
    """
    trunk = None if scale.trunk is None else scale.trunk // scale.seq_len
    length = stop - start if curve.over is None else scale.samples(curve.over, trunk)
    if length < 1:
        raise UnfitError("over", "the curve has no length", "give it at least one step")
    value = float(f"{rate_at(before, start):.12g}") if before else 0.0
    pieces: list[Piece] = []
    if isinstance(curve, Continue):
        peak, shape, warmup, name = value, curve.continue_, 0, "continue"
        if value == 0:
            raise UnfitError(name, "the learning rate is 0 at the switch", "warm it anew: learning_rate: {rewarm: ...}")
    else:
        peak, name = (curve.peak, "peak") if isinstance(curve, Curve) else (curve.rewarm, "rewarm")
        shape = curve.shape
        warmup = 0 if curve.warmup is None else scale.samples(curve.warmup, length)
        first = curve.initial if isinstance(curve, Curve) else value
        if warmup >= length:
            raise UnfitError("warmup", f"the warm-up fills the whole curve ({length:,} samples)", "shorten it")
        if warmup:
            pieces.append(Piece(start=start, shape="linear", first=first, last=peak, over=warmup))
    if curve.floor > peak:
        raise UnfitError("floor", f"the floor {curve.floor:g} is above the curve, {peak:g}", "lower it")
    pieces += _descent(curve, shape, peak, start, warmup, length, scale)
    end = start + length
    ends = shape in ("linear", "cosine") or curve.cooldown is not None
    if ends and not curve.hold and stop - end >= scale.global_batch:
        raise EndedError(
            "over" if curve.over is not None else None,
            f"the learning rate is at its end {end * scale.seq_len:,} tokens into the run, but rules until "
            f"{stop * scale.seq_len:,}",
            "draw it longer ('over'), give a later phase its own learning_rate, or allow it with 'hold: true'",
        )
    return [piece for piece in pieces if piece.start < stop]


def _descent(
    curve: AnyCurve, shape: str, peak: float, start: int, warmup: int, length: int, scale: Scale
) -> list[Piece]:
    top, end = start + warmup, start + length
    if shape == "constant":
        pieces = [Piece(start=top, shape="constant", first=peak, last=peak, over=length - warmup)]
        if curve.cooldown is None:
            if curve.floor:
                raise UnfitError("floor", "a constant rate has no floor", "add 'cooldown: 20%', or remove the floor")
            return pieces
        cooldown = scale.samples(curve.cooldown, length)
        if not 0 < cooldown <= length - warmup:
            raise UnfitError("cooldown", f"the cool-down must fit in the {length - warmup:,} samples", "shorten it")
        fall = Piece(start=end - cooldown, shape="linear", first=peak, last=curve.floor, over=cooldown)
        return [fall] if fall.start == top else [*pieces, fall]
    if curve.cooldown is not None:
        raise UnfitError("cooldown", f"a {shape} curve has no cool-down", "use 'shape: constant', or remove it")
    if shape == "inverse_sqrt":
        over = warmup or start
        if not over:
            raise UnfitError("warmup", "inverse_sqrt falls on the scale of its warm-up, which is missing", "add one")
        return [Piece(start=top, shape="inverse_sqrt", first=peak, last=curve.floor, over=over)]
    falling = "cosine" if shape == "cosine" else "linear"
    return [Piece(start=top, shape=falling, first=peak, last=curve.floor, over=length - warmup)]
