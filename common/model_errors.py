"""Says in plain words what is wrong with data that a pydantic model refuses, and what to do about it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from common.settings_help import models_in

_SHAPES = {
    "list_type": "write a list: one '- ' line for each item, or [...]",
    "dict_type": "write 'key: value' lines below it, or {key: value}",
    "model_type": "write 'key: value' lines below it, or {key: value}",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "int_parsing": "write a whole number",
    "string_type": "put it in quotes",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
}
"""Remedies for values of the wrong type."""


_BOUNDS = {
    "greater_than_equal": ("ge", "write {} or more"),
    "greater_than": ("gt", "write more than {}"),
    "less_than_equal": ("le", "write {} or less"),
    "less_than": ("lt", "write less than {}"),
}
"""Remedies for numbers out of bounds, and the bound's name in pydantic's error."""


_ELSEWHERE = {
    **dict.fromkeys(
        ("lr", "scheduler", "schedulers"), "write learning_rate: {peak: ..., warmup: ...} in the curriculum"
    ),
    **dict.fromkeys(("max_duration", "max_steps", "epochs"), "give each phase of the curriculum its length"),
}
"""Where keys that users of other trainers look for have their place here."""


def described(error: Any, model: type[BaseModel]) -> tuple[str, str | None]:
    """A problem and a remedy in plain words from one pydantic error."""
    kind, loc = error["type"], error["loc"]
    if kind == "extra_forbidden":
        known = _field_names(model, loc[:-1])
        close = difflib.get_close_matches(str(loc[-1]), known, n=1)
        remedy = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
        remedy = _ELSEWHERE.get(str(loc[-1]), remedy)
        return "unknown key", remedy if known else "remove it"
    if kind == "missing":
        return "the key is missing", "add it"
    message = str(error["msg"]).removeprefix("Value error, ")
    problem, _, remedy = message.partition("; ")
    if kind in _SHAPES:
        remedy = _SHAPES[kind]
    if kind in _BOUNDS:
        name, remedy = _BOUNDS[kind]
        remedy = remedy.format(error["ctx"][name])
    if kind in ("literal_error", "enum"):
        allowed = re.findall(r"'([^']*)'", str(error["ctx"]["expected"]))
        close = difflib.get_close_matches(str(error.get("input")), allowed, n=1)
        remedy = f"did you mean '{close[0]}'?" if close else "write one of these"
    shown = repr(error.get("input"))
    if kind != "value_error" and len(shown) <= 60:
        problem += f" (found {shown})"
    return problem, remedy or None


def _field_names(model: Any, loc: Sequence[str | int]) -> list[str]:
    """Names of the fields of the model that `loc` leads to, looking through containers and unions."""
    models = [model]
    for part in loc:
        found: list[Any] = []
        for one in models:
            field = _fields(one).get(part) if isinstance(part, str) else None
            found += models_in(field.annotation) if field else [one]
        models = found
    return sorted({name for one in models for name in _fields(one)})


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """Fields by the name that they have in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}
