"""Write the inputs of the golden runs: a few rows of every kind that a job tells apart, the same bytes each time.

Pictures and tokenizer lie beside this file, so that no encoder of today has a part in them, and tars are written by
Python's own `tarfile`. Parquet files are written by pyarrow: golden digests hold for one version of it anyway.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
PICTURES = HERE / "pictures"
NAMES = ("plain.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg", "turned.jpg", "turned.png", "turned.webp", "alike.jpg")
"""Good pictures; `turned.*` carry an EXIF orientation, and `alike.jpg` looks like `plain.jpg`."""
BAD = ("still.gif", "cut.jpg")
"""A picture that only conversations of old releases have, and one that was cut and closed again."""


def write(folder: Path, site: str) -> None:
    """Write everything below `folder`; URLs of pictures begin with `site`."""
    _text(folder / "text")
    _pairs(folder / "pairs")
    _conversations(folder / "conversations")
    _download(folder / "download", site)
    (folder / "tokenizer").mkdir()
    shutil.copy(HERE / "tokenizer.json", folder / "tokenizer/tokenizer.json")


def _lines(rows: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def _document(file: int, line: int) -> dict[str, Any]:
    words = ("the", "thin", "and", "sand", "in", "Über", "日本", "<|endoftext|>", "    ", "then")
    text = " ".join(
        f"{words[(file + line * step) % len(words)]} {line * step % 97}" for step in range(3, 9 + line % 17)
    )
    record = {"WARC-Record-ID": f"<urn:{file}:{line}>"} if line % 3 else {}
    return {"text": f"{line}: {text}", "url": f"http://h{line % 5}.example/{file}/{line}", "metadata": record}


def _text(folder: Path) -> None:
    folder.mkdir(parents=True)
    passage = " ".join(f"word{n}" for n in range(40))
    first = [_document(0, line) for line in range(60)]
    first += [
        first[7],
        {"text": passage},
        {"text": f"{passage} more"},
        {"text": f"{passage} more and more"},
        {"text": f"It asks: {_QUESTION} Or not."},
    ]
    bad = b'{"text": 1}\n{"text": ""}\n{"other": "x"}\n[]\n{broken\n{"text": "\xff"}\n'
    (folder / "0.jsonl").write_bytes(_lines(first) + bad)
    packed = gzip.compress(_lines(_document(1, line) for line in range(60)), mtime=0)
    (folder / "1.jsonl.gz").write_bytes(packed)
    pq.write_table(pa.Table.from_pylist([_document(2, line) for line in range(60)]), folder / "2.parquet")
    (folder.parent / "evaluation.jsonl").write_bytes(_lines([{"question": _QUESTION}, {"question": "too short"}]))


_QUESTION = "which of these seven planets is the nearest to the sun in the month of june"


def _tar(path: Path, members: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))


def _pairs(folder: Path) -> None:
    """Two tars: every picture with both kinds of caption; in the second a uid of the first, and rows that are none."""
    folder.mkdir(parents=True)
    for number in range(2):
        members: dict[str, bytes] = {}
        for place, name in enumerate(NAMES + BAD):
            uid = "0-0" if (number, place) == (1, 3) else f"{number}-{place}"
            meta = {
                "uid": uid,
                "url": f"http://h{place}.example/{number}",
                "caption": f"web\u00a0caption of {name} {'and ' * place}",
                "syn_text": [f"a synthetic caption {n} of {name}" for n in range(3)],
                "clip_l14_similarity_score": place / 10,
            }
            members |= {f"{place:03}.jpg": (PICTURES / name).read_bytes(), f"{place:03}.json": _lines([meta])}
        if number:
            page = {"900.jpg": b"<html>", "900.txt": b"a page", "901.txt": b"no picture"}
            members |= page | {"902.jpg": (PICTURES / "plain.jpg").read_bytes(), "902.json": b"{"}
        _tar(folder / f"{number}.tar", members)


def _conversations(folder: Path) -> None:
    (folder / "images").mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(NAMES + BAD):
        shutil.copy(PICTURES / name, folder / "images" / name)
        turns = [f"<image>\nWhat is {number}?", f"It is {name}.", "And <|endoftext|> then?", "the\x0bend"]
        rows.append({"id": f"{number}", "image": name, "conversations": _turns(turns[: 2 + 2 * (number % 2)])})
    rows += [{"id": f"t{n}", "conversations": _turns([f"Say {n}", "the and " * n])} for n in range(1, 9)]
    rows += [
        {"id": "none", "image": "none.jpg", "conversations": _turns(["<image>\nWhat?", "Nothing"])},
        {"id": "one", "conversations": _turns(["Alone"])},
        {"id": "marker", "conversations": _turns(["<image>\nWhich?", "None"])},
    ]
    (folder / "rows.json").write_text(json.dumps(rows, indent=1))


def _turns(values: list[str]) -> list[dict[str, str]]:
    return [{"from": ("human", "gpt")[place % 2], "value": value} for place, value in enumerate(values)]


def _download(folder: Path, site: str) -> None:
    """Metadata of all pictures and of pages that are none; a tar with synthetic captions of most."""
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for name in (*NAMES, *BAD, "absent.jpg", "page.html"):
        path = PICTURES / name
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None
        uid = hashlib.md5(name.encode()).hexdigest()
        rows.append({"uid": uid, "url": f"{site}/{name}", "text": f"web {name}", "sha256": digest})
    rows[2]["sha256"] = "0" * 64
    rows += [rows[1], {"uid": "", "url": f"{site}/plain.jpg"}, {"uid": "f" * 32, "url": f"{site}/plain.jpg"}]
    columns = [(name, pa.string()) for name in ("uid", "url", "text", "sha256")]
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(columns)), folder / "metadata.parquet")
    members: dict[str, bytes] = {}
    for number, row in enumerate(rows[:12]):
        captions = {"syn_text": [f"syn {number} {n}" for n in range(3)]}
        members |= {f"{row['uid']}.json": _lines([{"uid": row["uid"]}]), f"{row['uid']}.syn.json": _lines([captions])}
    _tar(folder / "dr.tar", members)
