"""Seals a JSON object (a key `seal` holds the digest of all else that it says) or a YAML text (its first line does).

Without it a flipped bit in a number, or a line edited by mistake, would be used in silence. The digest is xxh3 of 128
bits: it finds damage and mix-ups; it is no defence against forgery. What has no seal is an older release's, or a
person's. No single flipped bit makes it so and changes what is said: a misspelt key is refused by the object's model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import xxhash
from pydantic import ValidationError

KEY = "seal"
_COMMENT = "# seal: "


def digest(said: Mapping[str, Any]) -> str:
    """The digest of what an object says, its seal left out, whatever the order of its keys."""
    rest = {key: value for key, value in said.items() if key != KEY}
    return xxhash.xxh3_128_hexdigest(json.dumps(rest, sort_keys=True).encode())


def sealed(text: str) -> str:
    """The JSON object `text` with its seal."""
    said: dict[str, Any] = json.loads(text)
    return json.dumps({**said, KEY: digest(said)}, indent=1) + "\n"


def is_sealed(said: Mapping[str, Any]) -> bool:
    """Whether a parsed object carries a seal that fits all that it says."""
    return said.get(KEY) == digest(said)


def opened(data: bytes | str) -> dict[str, Any]:
    """Parses a JSON object and takes its seal off; an older release's has none.

    Raises:
        ValueError: it is no JSON object, or does not say what was written.
    """
    try:
        said = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"Invalid JSON: {error}") from None
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")
    if KEY in said and not is_sealed(said):
        raise ValueError("it does not say what was written: its seal does not fit")
    return {key: value for key, value in said.items() if key != KEY}


def told(error: ValueError) -> tuple[str, str | None]:
    """Problem and key of an error that `opened`, or a model that it was validated by, has raised."""
    if not isinstance(error, ValidationError):
        return str(error), None
    first = error.errors(include_url=False)[0]
    return first["msg"], ".".join(map(str, first["loc"])) or None


def sealed_text(text: str) -> str:
    """The YAML `text` behind a comment that holds its seal."""
    return f"{_COMMENT}{xxhash.xxh3_128_hexdigest(text.encode())}\n{text}"


def text_fits(text: str) -> bool:
    """Whether a YAML text has no seal, or one that fits what follows."""
    return not text.startswith(_COMMENT) or text == sealed_text(text.partition("\n")[2])
