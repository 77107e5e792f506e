"""Judges public pictures that Debian ships as the jobs do, and counts verdicts: no real picture may fall to a bound.

    python scripts/picture_corpus.py WORK tuxpaint-stamps-default gnome-backgrounds

fetches the packages by `apt-get download` into WORK, unpacks them, and prints each kind of file with its verdicts, and
the most scans of a JPEG. Of pictures with transparency it says how many a reader gets wrong that drops alpha, as
Pillow's `convert("RGB")` does. Nothing of it is committed: the pictures have licences of their own.
"""

from __future__ import annotations

import argparse
import io
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from common.pictures import as_seen
from dataprep.images import other_kinds
from dataprep.images.inspect import ImageError, ImageLimits, inspect, sniff

SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2", ".avif", ".jxl"}

FAR = 12
"""Grey levels."""


def fetch(work: Path, packages: list[str]) -> None:
    """Download and unpack what is not there yet."""
    work.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if not (archives := list(work.glob(f"{package}_*.deb"))):
            subprocess.run(["apt-get", "download", package], cwd=work, check=True)
            archives = list(work.glob(f"{package}_*.deb"))
        if not (work / package).exists():
            subprocess.run(["dpkg-deb", "-x", str(archives[0]), str(work / package)], check=True)


def verdict(data: bytes) -> str:
    """`kept`, or the reason."""
    try:
        inspect(data, ImageLimits(max_bytes=1 << 30, max_aspect=1000.0), decode=True)
    except ImageError as error:
        return error.reason
    return "kept"


def alpha_matters(data: bytes) -> bool | None:
    """Whether dropping alpha moves the mean pixel by more than 12 grey levels; None for a picture without alpha."""
    with Image.open(io.BytesIO(data)) as image:
        if not image.has_transparency_data:
            return None
        seen, bare = (np.asarray(one, np.int16) for one in (as_seen(image), image.convert("RGB")))
    return bool(np.abs(seen - bare).mean() > FAR)


def main() -> None:
    """Print a line for each kind of file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("packages", nargs="+")
    asked = parser.parse_args()
    fetch(asked.work, asked.packages)
    counts: dict[str, Counter[str]] = {}
    scans, transparent = 0, Counter[bool | None]()
    for path in sorted(asked.work.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        kind = sniff(data) or other_kinds.name(data) or path.suffix.lower().lstrip(".")
        found = verdict(data)
        counts.setdefault(kind, Counter())[found] += 1
        if found == "kept":
            transparent[alpha_matters(data)] += 1
        if kind == "jpg":
            scans = max(scans, data.count(b"\xff\xda"))
    for kind, verdicts in sorted(counts.items()):
        print(f"{kind}: " + ", ".join(f"{name} {count:,}" for name, count in verdicts.most_common()))
    print(f"most scans of a JPEG: {scans}")
    print(f"with transparency: {transparent[True] + transparent[False]:,}; wrong without it: {transparent[True]:,}")


if __name__ == "__main__":
    main()
