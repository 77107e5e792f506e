"""The base of every model in the contracts: unknown keys are errors, values are frozen."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Strict(BaseModel):
    """A pydantic model that refuses unknown keys (a typing mistake must not become a default) and mutation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
