"""Plain data as a pickle (protocol 2), written opcode by opcode: RefCOCO's official form, and never an object."""

from __future__ import annotations

import struct
from typing import Any


def dumps(data: Any) -> bytes:
    """Lists, dicts, text, integers below 2^31 and floats."""
    return b"\x80\x02" + _value(data) + b"."


def _value(data: Any) -> bytes:
    if isinstance(data, str):
        text = data.encode()
        return b"X" + struct.pack("<I", len(text)) + text
    if isinstance(data, int):
        return b"J" + struct.pack("<i", data)
    if isinstance(data, float):
        return b"G" + struct.pack(">d", data)
    if isinstance(data, list):
        return b"](" + b"".join(map(_value, data)) + b"e"
    if isinstance(data, dict):
        return b"}(" + b"".join(_value(key) + _value(value) for key, value in data.items()) + b"u"
    raise TypeError(f"no plain data: {type(data).__name__}")
