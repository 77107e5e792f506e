"""Reads JSON as the world writes it: NaN, infinities and lone surrogates cost what they stand in, not their row.

Python writes all of them by default, and orjson refuses them, so only what it refuses is read a second time.
"""

from __future__ import annotations

import json
import math
from typing import Any

import orjson


def loads(data: bytes) -> Any:
    """The value of `data`; NaN and numbers beyond a double are None, lone surrogates stay for `whole` to find.

    Raises:
        orjson.JSONDecodeError: it is not JSON even so.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as refused:
        try:
            return _DECODER.decode(data.decode())
        except (ValueError, RecursionError):
            raise refused from None


def mended_loads(data: bytes) -> Any:
    """Reads like `loads`, with U+FFFD for every lone surrogate."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return mended(loads(data))


def whole(value: Any) -> bool:
    """Whether no string in `value` has a lone surrogate."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def mended(value: Any) -> Any:
    """`value` with U+FFFD for every lone surrogate, as text that is not UTF-8 is read elsewhere."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {mended(key): mended(one) for key, one in value.items()}
    return [mended(one) for one in value] if isinstance(value, list) else value


def _double(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _integer(digits: str) -> float | int | None:
    """Reads an integer as orjson does: beyond 64 bits a double."""
    value = int(digits) if len(digits) <= 20 else None
    return value if value is not None and -(1 << 63) <= value < 1 << 64 else _double(digits)


_DECODER = json.JSONDecoder(parse_constant=lambda _: None, parse_float=_double, parse_int=_integer)
