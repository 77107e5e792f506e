"""Walks the containers of pictures: finds where a picture ends, and bounds what its decoder may be asked to do.

Decoders take time by what a file holds, not by its size: a progressive JPEG of 1.6 MB with 20,000 scans takes Pillow a
minute, a GIF of comments as long. The bounds are far beyond what any encoder writes (`docs/pairs.md` has figures of a
public corpus), and are counted here in milliseconds, before any decoder sees the file. Bytes behind the end are common
and harmless.
"""

from __future__ import annotations

from dataprep.images import jpeg

MAX_SCANS = 100
"""Scans of a JPEG; encoders write up to some 15."""
_USUAL_SCANS = 20
MAX_SCANNED = 10**9
"""Scans of a JPEG times its pixels, where there are more than 20 scans: 50 megapixels 20 times, which take some 2 s."""
MAX_PARTS = 1 << 16
"""Chunks of a PNG, blocks of a GIF."""
MAX_METADATA = 8 << 20
"""Bytes of a PNG's ancillary chunks."""
MAX_EXTENSIONS = 2 << 20
"""Bytes of a GIF's extensions: Pillow's time for a comment grows with the square of its length."""
MAX_TEXTS = 256
"""Chunks of compressed text and profiles in a PNG: each may unfold to a mebibyte."""
_TRAILER, _EXTENSION, _IMAGE = 0x3B, 0x21, 0x2C
"""First bytes of a GIF's blocks."""
_SCAN = b"\xff\xda"
_PACKED = (b"zTXt", b"iTXt", b"iCCP")


class TooComplexError(Exception):
    """A picture that would cost its decoder more than any real one."""


def end(data: bytes, kind: str, start: int, pixels: int = 0) -> int | None:
    """Offset of the end of the picture's container; None where it is missing.

    Args:
        start: of a JPEG, where its scan data begins: thumbnails in the header have ends of their own.
        pixels: of a JPEG, each of which every scan goes through.

    Raises:
        TooComplexError: it has more parts than any real picture.
    """
    if kind == "jpg":
        scans = data.count(_SCAN, start) + 1
        _check(scans, MAX_SCANS, "scans")
        _check(scans * pixels if scans > _USUAL_SCANS else 0, MAX_SCANNED, "pixels in all scans")
        at = data.rfind(jpeg.END, start)
        return None if at < 0 else at
    if kind == "png":
        return _png_end(data)
    if kind == "webp":
        length = int.from_bytes(data[4:8], "little") + 8
        return length if len(data) >= length else None
    return _gif_end(data)


def _png_end(data: bytes) -> int | None:
    at, parts, metadata, texts = 8, 0, 0, 0
    while at + 12 <= len(data):
        length, name = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        at += 12 + length
        if name == b"IEND":
            return at if at <= len(data) else None
        parts += 1
        metadata += length if name[0] & 0x20 else 0  # lower case: not needed to show the picture
        texts += name in _PACKED
        _check(parts, MAX_PARTS, "chunks")
        _check(metadata, MAX_METADATA, "bytes of metadata")
        _check(texts, MAX_TEXTS, "compressed texts")
    return None


def _gif_end(data: bytes) -> int | None:
    at, parts, extensions = 13 + _table(data, 10), 0, 0
    while at < len(data):
        block, before = data[at], at
        at += 1
        if block == _TRAILER:
            return at
        if block == _EXTENSION:
            at += 1
        elif block == _IMAGE:
            at += 9 + _table(data, at + 8) + 1
        else:
            continue  # a byte between blocks, which decoders pass over
        while at < len(data) and (length := data[at]):
            at += 1 + length
            parts += block == _EXTENSION
        at += 1
        parts += 1
        extensions += at - before if block == _EXTENSION else 0
        _check(parts, MAX_PARTS, "blocks")
        _check(extensions, MAX_EXTENSIONS, "bytes of extensions")
    return None


def _table(data: bytes, flags: int) -> int:
    """Bytes of the colour table that the flags at an offset announce."""
    flag = data[flags] if flags < len(data) else 0
    return 3 << ((flag & 7) + 1) if flag & 0x80 else 0


def _check(count: int, limit: int, what: str) -> None:
    if count > limit:
        raise TooComplexError(f"{count:,} {what}")
