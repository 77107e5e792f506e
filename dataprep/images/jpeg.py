"""Reads plain JPEG headers quickly, and proves that a JPEG's pixels are there.

Nearly every picture of the web is a JPEG, so what is done to each is counted in microseconds. Pillow's header parser
makes an object with tables, profiles and an application dictionary; `header` walks the segments for the size alone and
hands every file that is not plain (EXIF, several frames, junk between segments, anything odd) back to Pillow. So with
the pixels: simplejpeg says quickly which pictures are beyond doubt, and Pillow judges the others.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import NamedTuple

import simplejpeg
from PIL import Image

END = b"\xff\xd9"
_MIDDLE_GREY = 128
_FILLER = b"".join(bytes(range(1, 255)) + bytes([0xFF, 0xD0 + n]) for n in range(8)) * 2
"""Entropy-coded data that means nothing, with a restart marker of each number for the files that wait for one."""
_MODES = {1: "L", 3: "RGB"}
_GREY = frozenset(_MODES.values())
"""Modes that can be decoded in grey."""
_START_OF_SCAN, _QUANTIZATION, _ICC_CHUNK = 0xDA, 0xDB, 0xE2
_FRAMES = frozenset([0xC0, 0xC1, 0xC2])  # Huffman-coded: baseline, extended, progressive
_SKIPPED = frozenset([0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)])
"""Segments before the frame, with a length: tables, restart interval, comment, applications."""
_SHORTEST = {0xC4: 2, 0xDD: 2, 0xFE: 2, 0xE0: 16, 0xEE: 14, _ICC_CHUNK: 16}
"""Least length of segments that are passed over: Huffman tables, restart interval, comment, JFIF, Adobe, profile."""


class Header(NamedTuple):
    """The frame of a JPEG, and where its data starts."""

    mode: str
    """As Pillow calls it: L, RGB (or CMYK, from Pillow)."""
    width: int
    height: int
    scan: int
    """Offset behind the first start-of-scan segment. Thumbnails embedded in the header lie before it."""


def header(data: bytes) -> Header | None:
    """The header of a plain JPEG (`data` starts with its magic bytes), or None: let Pillow look at it.

    Wherever this returns a header, Pillow reads the same one.
    """
    at, frame, end = 2, None, len(data)
    while at + 4 <= end and data[at] == 0xFF:
        marker, length = data[at + 1], data[at + 2] << 8 | data[at + 3]
        after = at + 2 + length
        if after > end:
            return None
        if marker == _START_OF_SCAN:
            return frame and Header(*frame, after) if length >= 2 else None
        if marker in _FRAMES:
            if frame or not (frame := _frame(data[at + 4 : after])):
                return None
        elif marker == _QUANTIZATION:
            if not _whole_tables(data, at + 4, after):
                return None
        elif length < _SHORTEST.get(marker, 1 << 16) or (
            marker == _ICC_CHUNK and not data.startswith(b"ICC_PROFILE\0", at + 4)
        ):
            return None
        at = after
    return None


def _frame(segment: bytes) -> tuple[str, int, int] | None:
    """Mode, width and height from a start-of-frame segment."""
    if len(segment) < 6 or segment[0] != 8 or len(segment) != 6 + 3 * segment[5]:
        return None
    mode, height, width = _MODES.get(segment[5]), segment[1] << 8 | segment[2], segment[3] << 8 | segment[4]
    if mode is None or not 0 < width * height <= (Image.MAX_IMAGE_PIXELS or 0):
        return None
    return mode, width, height


def _whole_tables(data: bytes, at: int, after: int) -> bool:
    while at < after:
        at += 129 if data[at] >> 4 else 65
    return at == after


def scalable(data: bytes) -> bool:
    """Whether decoders may be asked for a smaller picture, as `Image.draft` and `thumbnail` do.

    Of a lossless JPEG, libjpeg-turbo 3 ignores the scale, and Pillow 11.3 and simplejpeg 1.9 write the whole picture
    into memory for the smaller one: 6 kB from a stranger corrupt the heap. So the frame must be one that scales, and
    the header one that every parser reads alike; of everything else, the whole picture is decoded.
    """
    at, end = 2, len(data)
    while at + 4 <= end and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _FRAMES:
            return True  # a second frame is an error to the decoder
        if marker not in _SKIPPED:
            return False
        at += 2 + (data[at + 2] << 8 | data[at + 3])
    return False


def is_whole(data: bytes, found: Header) -> bool:
    """Decode the pixels of `data` once: False where the picture stops before its last ones.

    It is decoded in grey at an eighth of its size: every entropy-coded byte is still read, most arithmetic is not.
    Few pictures give the decoder anything to complain of; the others are decoded again, more leniently.
    Where the size cannot be asked for (`scalable`), the whole picture is decoded.

    Raises:
        Exception: whatever the decoder likes, where it gives up.
    """
    if not scalable(data):
        return _has_last_pixels(data, found, _full)
    return _is_flawless(data, found) or _has_last_pixels(data, found, _eighth)


def _is_flawless(data: bytes, found: Header) -> bool:
    """Whether the decoder has nothing to remark, which it would where data stops early."""
    if found.mode not in _GREY:
        return False
    try:
        simplejpeg.decode_jpeg(data, "GRAY", min_height=1, min_width=1, min_factor=8, strict=True)
    except Exception:  # the verdict is Pillow's: many remarks are of no consequence
        return False
    return True


def _has_last_pixels(data: bytes, found: Header, pixels: Callable[[bytes, Header], bytes]) -> bool:
    """The verdict by pixels alone, as of a decoder that accepts what it can.

    Where a JPEG's data stops early (but its end marker is there), Pillow says nothing and fills the rest with middle
    grey. So where the last pixel is that grey, more data is put before the end marker: a picture that was whole
    ignores it, one that was cut changes.
    """
    grey = pixels(data, found)
    if abs(grey[-1] - _MIDDLE_GREY) > 2:  # 2: unfinished progressive files are smoothed
        return True
    end = data.find(END, found.scan)
    return pixels(data[:end] + _FILLER + data[end:], found) == grey


def _full(data: bytes, _: Header) -> bytes:
    with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
        return image.tobytes()


def _eighth(data: bytes, found: Header) -> bytes:
    size = (-(-found.width // 8), -(-found.height // 8))
    if found.mode not in _GREY:  # CMYK has no grey
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            image.draft(found.mode, (max(1, found.width // 8), max(1, found.height // 8)))
            return image.tobytes()
    # The decoder that `image.load` would call after `image.draft`, without what they do around it: a tenth of the time.
    return Image.frombytes("L", size, data, "jpeg", ("L", "", 8, 0)).tobytes()
