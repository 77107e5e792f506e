"""Writes and reads JSON lines of which each ends with a seal, so that a changed digit is damage, not another number.

The seal is a digest of the bytes before it. A line without one is an older release's. A log that is still written, or
whose writer was killed, ends with a torn line: the beginning of one.
"""

from __future__ import annotations

import re

import xxhash

_MARK = b',"seal":"'
_WHOLE_BUT_FOR_ITS_BREAK = re.compile(rb'"seal":"[0-9a-f]{16}"\}.\Z', re.DOTALL)


def line(text: str) -> str:
    """The JSON object `text` as a line with its seal and a line break."""
    body = text.removesuffix("}").encode()
    return f"{body.decode()}{_MARK.decode()}{_digest(body)}" + '"}\n'


def opened(line: bytes) -> bytes:
    """The JSON of a line, without its seal.

    Raises:
        ValueError: the line is not what was written.
    """
    body, mark, rest = line.rstrip(b"\r\n").rpartition(_MARK)
    if not mark:
        return line
    if rest != _digest(body).encode() + b'"}':
        raise ValueError("the line is not what was written: its seal does not fit")
    return body + b"}"


def whole(content: bytes) -> bytes:
    """The complete lines of a log's `content`; a torn one at its end is left out.

    Raises:
        ValueError: the end is no torn line, but a whole one whose line break was damaged.
    """
    end = content.rfind(b"\n") + 1
    if not is_torn(content[end:]):
        raise ValueError("the line break of the last line is damaged")
    return content[:end]


def is_torn(line: bytes) -> bool:
    """Whether the last line of a log may be the beginning of one; it is not if it has all of a line, or a break."""
    return not line.endswith(b"\n") and _WHOLE_BUT_FOR_ITS_BREAK.search(line) is None


def _digest(body: bytes) -> str:
    return xxhash.xxh3_64_hexdigest(body)
