"""Names the kinds of pictures that are not taken, by their first bytes, so that a refusal says what a file is."""

from __future__ import annotations

ENOUGH = 16
"""First bytes that suffice."""
_BEGINNINGS = {
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"8BPS\0": "Photoshop",
    b"\0\0\1\0": "icon",
}
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIC", b"heix": "HEIC", b"hevc": "HEIC", b"mif1": "HEIF"}
"""Major brands of ISO media files (ISO/IEC 23008-12, AV1 Image File Format)."""
_BLANKS = b" \t\r\n#"
EXTENSIONS = (
    *("tif", "tiff", "bmp", "dib", "ppm", "pgm", "pbm", "pnm", "pam"),
    *("avif", "heic", "heif", "jp2", "j2k", "jpx", "jxl"),
)
"""Under which they go."""


def name(data: bytes) -> str | None:
    """The kind of picture that `data` begins as; None for what is none of these."""
    for beginning, kind in _BEGINNINGS.items():
        if data.startswith(beginning):
            return kind
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12])
    if data[:2] == b"BM" and len(data) >= ENOUGH and data[6:10] == bytes(4):  # reserved, and zero
        return "BMP"
    if data[:1] == b"P" and data[1:2] in b"1234567" and len(data) > 2 and data[2] in _BLANKS:
        return "PNM"
    return None
