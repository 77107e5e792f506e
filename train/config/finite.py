"""Defines the base of every section of a run's config: a number is finite. `.inf` and `.nan` pass every other bound."""

from __future__ import annotations

from pydantic import ConfigDict

from schemas.strict_model import Strict


class Finite(Strict):
    """A strict model whose numbers are finite."""

    model_config = ConfigDict(allow_inf_nan=False)
