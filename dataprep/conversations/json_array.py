"""Splits a JSON array of any size into rows without parsing it: tasks then get byte ranges, and parse their own.

LLaVA's mix665k is one array in one file of a gigabyte, which as Python objects takes several. Finding where each
element begins and ends needs only strings and brackets, which a regular expression finds at some 100 MB/s in constant
memory. Rows are parsed one at a time in the tasks, so that a damaged one is one reject.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from common.errors import InputError

CHUNK = 4 << 20
MAX_ROW_BYTES = 16 << 20
"""A longer row, or string, is a damaged file (a quote that never closes)."""
# A whole string, a bracket, or the opening quote of a string that goes on in the next chunk.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{}]|"', re.DOTALL)
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Span:
    """Consecutive rows of one file, as a byte range."""

    first: int
    """Number of the first row, from 0."""
    offset: int
    length: int


def spans(stream: BinaryIO, name: str, rows: int) -> Iterator[Span]:
    """Ranges of `rows` rows each (the last may have fewer) of the JSON array in `stream`.

    Raises:
        InputError: it is no JSON array, or is cut off.
    """
    first, begin, last = 0, 0, 0
    for number, (start, end) in enumerate(elements(stream, name)):
        if number % rows == 0:
            if number:
                yield Span(first, begin, last - begin)
            first, begin = number, start
        last = end
    if last:
        yield Span(first, begin, last - begin)


def elements(stream: BinaryIO, name: str) -> Iterator[tuple[int, int]]:
    """Start and end offsets of the top-level array's elements. Raises InputError as `spans` does."""
    buffer, base = b"", 0  # `base` is the offset of the buffer's first byte
    depth = count = start = last = 0  # `last` is the offset after the last token
    closed = False
    while chunk := stream.read(CHUNK):
        buffer += chunk
        for token in _TOKEN.finditer(buffer):
            text, at = token.group(), base + token.start()
            if text == b'"':
                break
            if depth <= 1:
                gap = buffer[last - base : token.start()].strip()
                if not _fits(gap, text, depth, count, closed):
                    raise InputError(f"not a JSON array of objects (byte {last:,})", file=name)
                start = at
            last, opening = base + token.end(), depth == 0
            depth += {b"[": 1, b"{": 1, b"]": -1, b"}": -1}.get(text, 0)
            closed = depth == 0
            if depth == 1 and not opening:
                count += 1
                yield start, last
        if max(len(buffer) - (last - base), last - start if depth > 1 else 0) > MAX_ROW_BYTES:
            raise InputError(f"the row at byte {start:,} is longer than {MAX_ROW_BYTES:,} bytes", file=name)
        buffer, base = buffer[last - base :], last
    if not closed or buffer.strip():
        raise InputError(f"the JSON array is cut off or goes wrong at byte {last:,}", file=name)


def _fits(gap: bytes, text: bytes, depth: int, count: int, closed: bool) -> bool:
    """Whether `text` may follow what came before it outside of any element, `gap` being between them."""
    if depth == 0:
        return not closed and text == b"[" and gap in (b"", _BOM)
    if text == b"]":
        return not gap
    return text != b"}" and gap == (b"," if count else b"")
