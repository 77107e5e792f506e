"""Finds values of a curriculum that compile, but that their author hardly meant, for warnings."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from common import yaml_file
from curriculum.compiler.units import Scale
from curriculum.language.amounts import Amount
from curriculum.language.curriculum_file import Curriculum
from curriculum.language.template import Document

HIGHEST_USUAL_RATE = 0.1
"""Above any peak in use: the study's 3e-3 (open_lm's AdamW) and muP's 1e-2 to 6e-2 lie below."""

_Place = tuple[str | int, ...]


def doubts(document: Document, curriculum: Curriculum, scale: Scale) -> list[str]:
    """Make a warning, with file, line, key and remedy, of each amount below a step and each absurd learning rate.

    A bare number counts tokens, so `warmup: 10` is less than one step of any run and has no effect.
    """
    step = scale.seq_len * scale.global_batch
    found = []
    for loc, value in _values(curriculum, ()):
        problem = None
        if isinstance(value, Amount) and value.unit == "tokens" and 0 < value.value < step:
            number = f"{value.value.numerator:,}" if value.value.denominator == 1 else f"{float(value.value):g}"
            problem = f"{number} tokens is less than one step ({step:,} tokens); did you mean '{number} steps'?"
        elif loc[-1] in ("peak", "rewarm") and isinstance(value, float) and value > HIGHEST_USUAL_RATE:
            problem = f"a learning rate of {value:g} is far above any in use; did you mean {value:g}e-3?"
        if problem is not None:
            file, line = yaml_file.place_of(document.node, loc) or (str(document.path), None)
            at = f"{file}:{line}" if line else file
            found.append(f"warning: {at}: {yaml_file.dotted(loc)}: {problem}")
    return found


def _values(value: object, loc: _Place) -> Iterator[tuple[_Place, object]]:
    """Every plain value below `value` and the keys that lead to it."""
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _values(getattr(value, name), (*loc, field.alias or name))
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _values(one, (*loc, number))
    elif value is not None:
        yield loc, value
