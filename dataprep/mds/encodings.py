"""Encodes values as bytes, for the MDS column encodings that dataprep writes.

`bytes`, `str`, `int` (int64), `ndarray:<dtype>:<shape>` (values only) and `ndarray:<dtype>` (shape, then values).
An array of no elements is written with shape (0,), which stock readers decode; their own writer refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_ARRAY = re.compile(r"ndarray:((?:u?int(?:8|16|32|64))|float(?:16|32|64))(?::(\d+(?:,\d+)*))?")


@dataclass(frozen=True)
class Column:
    """One column: its name, its encoding string, the bytes of a value (None: they vary) and the encoder."""

    name: str
    encoding: str
    size: int | None
    encode: Callable[[Any], bytes]


def column(name: str, encoding: str) -> Column:
    """The column `name` with the encoding string `encoding`.

    Raises:
        ValueError: an encoding that dataprep does not write (pickles among them).
    """
    if encoding == "bytes":
        return Column(name, encoding, None, _bytes)
    if encoding == "str":
        return Column(name, encoding, None, lambda value: str.encode(value, "utf-8"))
    if encoding == "int":
        return Column(name, encoding, 8, lambda value: np.int64(value).tobytes())
    if not (match := _ARRAY.fullmatch(encoding)):
        raise ValueError(f"column {name}: dataprep does not write the MDS encoding {encoding!r}")
    dtype = np.dtype(match[1])
    if match[2] is None:
        return Column(name, encoding, None, lambda value: _dynamic(name, dtype, value))
    shape = tuple(map(int, match[2].split(",")))
    return Column(name, encoding, int(np.prod(shape)) * dtype.itemsize, lambda value: _fixed(name, dtype, shape, value))


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else bytes(memoryview(value))


def _fixed(name: str, dtype: np.dtype[Any], shape: tuple[int, ...], value: Any) -> bytes:
    if value.dtype != dtype or value.shape != shape:
        raise ValueError(f"column {name}: expected {dtype}{list(shape)}, got {value.dtype}{list(value.shape)}")
    return bytes(value.tobytes())


def _dynamic(name: str, dtype: np.dtype[Any], value: Any) -> bytes:
    """[ndim << 2 | log2 of the shape type's bytes] [shape] [values]."""
    if value.dtype != dtype or not 1 <= value.ndim < 64:
        raise ValueError(f"column {name}: expected an array of {dtype}, got {value.dtype}{list(value.shape)}")
    width = next(w for w in range(4) if max(value.shape) < 1 << (8 << w))
    shape = b"".join(int(length).to_bytes(1 << width, "little") for length in value.shape)
    return bytes([value.ndim << 2 | width]) + shape + bytes(value.tobytes())
