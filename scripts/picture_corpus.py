"""Judges public pictures that Debian ships as the jobs do, and counts verdicts: no real picture may fall to a bound.

    python scripts/picture_corpus.py WORK tuxpaint-stamps-default gnome-backgrounds

fetches the packages by `apt-get download` into WORK, unpacks them, and prints each kind of file with its verdicts, and
the most scans of a JPEG. Nothing of it is committed: the pictures have licences of their own.
"""

from __future__ import annotations

import argparse
import subprocess
from collections import Counter
from pathlib import Path

from dataprep.images.inspect import ImageError, ImageLimits, inspect, sniff

SUFFIXES = {".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".jp2", ".avif", ".jxl"}


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


def main() -> None:
    """Print a line for each kind of file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("packages", nargs="+")
    asked = parser.parse_args()
    fetch(asked.work, asked.packages)
    counts: dict[str, Counter[str]] = {}
    scans = 0
    for path in sorted(asked.work.rglob("*")):
        if path.suffix.lower() not in SUFFIXES or not path.is_file() or path.is_symlink():
            continue
        data = path.read_bytes()
        kind = sniff(data) or path.suffix.lower().lstrip(".")
        counts.setdefault(kind, Counter())[verdict(data)] += 1
        if kind == "jpg":
            scans = max(scans, data.count(b"\xff\xda"))
    for kind, found in sorted(counts.items()):
        print(f"{kind}: " + ", ".join(f"{name} {count:,}" for name, count in found.most_common()))
    print(f"most scans of a JPEG: {scans}")


if __name__ == "__main__":
    main()
