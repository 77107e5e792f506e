"""Lists the keys of a settings file for `--help`, from the model that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

_LONGEST = 40
"""Characters of a default that is shown."""


def settings_help(model: type[BaseModel], file: str) -> str:
    """The keys with what their documentation says; those of a key that holds others are indented below it."""
    return "\n".join([f"settings of {file}:", *_lines(model, "  ")])


def _lines(model: type[BaseModel], indent: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = field.alias or name
        inner = models_in(field.annotation)
        state = "required" if field.is_required() else f"default {field.get_default(call_default_factory=True)!r}"
        state = state if len(state) < _LONGEST else "optional"
        said = " ".join((field.description or (inner[0].__doc__ if inner else "") or "").split())
        yield f"{indent}{key:<{18 - len(indent)}} {said} ({state})"
        for one in inner:
            yield from _lines(one, f"{indent}  ")


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that a key's value may be, looking through containers and unions."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for one in get_args(annotation) for found in models_in(one)]
