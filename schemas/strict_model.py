"""Defines the base of every model in the contracts: unknown keys are errors, values are frozen."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Strict(BaseModel):
    """A pydantic model that refuses unknown keys (a typing mistake must not become a default) and mutation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    def __getstate__(self) -> dict[Any, Any]:
        """State for pickling, without cached properties: they hold what cannot or need not travel to a process."""
        state = super().__getstate__()
        kept = {name: value for name, value in state["__dict__"].items() if name in type(self).model_fields}
        return {**state, "__dict__": kept}

    def __copy__(self) -> Self:
        """A copy without cached properties: `model_copy(update=...)` must not keep what the old values led to."""
        copied = super().__copy__()
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


OneOrMany = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""A list of strings, of which a single one may be written by itself."""
