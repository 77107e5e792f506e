"""Reads sizes and shares in job and run files as people write them: `64MiB` and `2%`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, ByteSize, TypeAdapter, ValidationError

_SIZE = TypeAdapter(ByteSize)


def _bytes(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return int(_SIZE.validate_python(value.strip()))
    except ValidationError:
        raise ValueError(f"'{value}' is not a size; write bytes as 67108864, 64MiB or 2GB") from None


def _share(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ValueError(f"'{value}' is not a share; write 0.02 or 2%") from None


Bytes = Annotated[int, BeforeValidator(_bytes, json_schema_input_type=int | str)]
"""A number of bytes: a number, or a text with a unit (K, M, G, T; `KiB` counts 1,024, `kB` 1,000)."""

Share = Annotated[float, BeforeValidator(_share, json_schema_input_type=float | str)]
"""A part of a whole: a number from 0 to 1, or a text with a percent sign."""
