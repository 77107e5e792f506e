"""Seals `schedule.json`: a digest of all that it says, but for where its datasets lie.

Data may move, so `path` of a source may be edited: whoever opens a dataset compares its content with the source's, and
a wrong path can only be refused. The seal belongs to the file: no hash of a run depends on it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydantic_core

from common import seal
from common.errors import InputError


def sealed(text: str) -> str:
    """The schedule `text`, as JSON indented by one space, with its seal as the last key."""
    digest = _digest(pydantic_core.from_json(text))
    return text.rstrip().removesuffix("\n}") + f',\n "{seal.KEY}": "{digest}"\n}}\n'


def parsed(data: bytes) -> tuple[dict[str, Any], str | None]:
    """Parses a schedule file to what it says and its seal; older releases wrote none.

    Raises:
        ValueError: it is no JSON object with a text for a seal.
    """
    try:
        said = pydantic_core.from_json(data)
    except ValueError as error:
        raise ValueError(f"Invalid JSON: {error}") from None
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")
    if seal.KEY not in said:
        return said, None
    found = said.pop(seal.KEY)
    if not isinstance(found, str):
        raise ValueError(f"`{seal.KEY}` is no text")
    return said, found


def check(said: dict[str, Any], found: str | None, file: str | Path) -> None:
    """Compares what a schedule says, which is known to be one, with its seal.

    Raises:
        InputError: it says something else than what was written.
    """
    if found is not None and found != _digest(said):
        raise InputError(
            "the schedule does not say what was written",
            file=file,
            field=seal.KEY,
            remedy="copy it again, or compile it; nothing but `path` of a source may be edited",
        )


def _digest(said: dict[str, Any]) -> str:
    placeless = [{key: value for key, value in source.items() if key != "path"} for source in said["sources"]]
    return seal.digest({**said, "sources": placeless})
