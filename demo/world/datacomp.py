"""The image-caption release: DataComp's Parquet metadata, DataComp-DR's tars and the picture files behind the URLs.

The two halves share nothing but the uid and come in different orders, as the releases do, so a reader has to join
them. About 3 % of the rows fail in a way that the web fails, or only look as if they would (`slow`, `redirect`);
`world.json` lists each with the fate that it deserves.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from demo.world import captions, reinforced
from demo.world.render import SIDE, encode, render
from demo.world.scene import Layout, draw, stream
from demo.world.world import Defect, DefectKind, Fate

FILES = 4
"""Parquet files, and tars."""
_PNG_SHARE = 0.1
HTML = b"<!doctype html>\n<html><head><title>Gone</title></head><body>This picture is no longer here.</body></html>\n"
"""What stands behind an `html` URL."""

_SHARES: dict[DefectKind, tuple[float, Fate]] = {
    "not_found": (0.009, "rejected"),
    "html": (0.005, "rejected"),
    "truncated_image": (0.004, "either"),
    "truncated_body": (0.004, "rejected"),
    "slow": (0.002, "accepted"),
    "redirect": (0.004, "accepted"),
    "sha256_mismatch": (0.003, "either"),
    "no_metadata": (0.001, "either"),
    "no_synthetic": (0.001, "either"),
}
"""Share of the pairs with each defect (at least one pair each) and the fate that it should meet."""

_SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("url", pa.string()),
        ("text", pa.string()),
        ("original_width", pa.int64()),
        ("original_height", pa.int64()),
        ("clip_b32_similarity_score", pa.float32()),
        ("clip_l14_similarity_score", pa.float32()),
        ("face_bboxes", pa.list_(pa.list_(pa.float64()))),
        ("sha256", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Written:
    """What `write` made."""

    defects: list[Defect]
    metadata_rows: int
    synthetic_rows: int
    captions: list[str]
    """Some of the captions, for the tokenizer."""


def write(root: Path, number: int, seed: int, port: int, excluded: Collection[Layout]) -> Written:
    """Write `number` pairs: `root / "pairs"` (tables and tars) and `root / "images"` (what the server serves)."""
    planted = _plant(number, seed)
    rows: list[dict[str, Any]] = []
    samples: list[reinforced.Sample] = []
    defects: list[Defect] = []
    for index in range(number):
        rng = stream(seed, "pair", index)
        scene = draw(rng, excluded)
        uid = hashlib.sha256(f"{seed}/pair/{index}".encode()).hexdigest()[:32]
        kind = planted.get(index)
        png = rng.random() < _PNG_SHARE
        image = encode(render(scene), "PNG" if png else "JPEG", quality=rng.randint(80, 95))
        file = f"pairs/{uid[:2]}/{uid}.{'png' if png else 'jpg'}"
        path = f"pairs/moved/{uid}" if kind == "redirect" else file
        if (served := _served(kind, image)) is not None:
            (root / "images" / file).parent.mkdir(parents=True, exist_ok=True)
            (root / "images" / file).write_bytes(served)
        if kind is not None:
            defects.append(Defect(release="pairs", kind=kind, key=uid, fate=_SHARES[kind][1], path=f"/{path}"))
        digest = hashlib.sha256(image if kind != "sha256_mismatch" else image + b"\0").hexdigest()
        url = f"http://127.0.0.1:{port}/{path}"
        if kind != "no_metadata":
            rows.append(_row(rng, uid, url, captions.web(rng, scene), digest))
        if kind != "no_synthetic":
            samples.append(reinforced.Sample(uid, url, digest, captions.synthetic(rng, scene)))
    _write_metadata(root, stream(seed, "metadata order"), rows)
    reinforced.write(root, stream(seed, "tar order"), samples, FILES)
    return Written(defects, len(rows), len(samples), [text for sample in samples[:1000] for text in sample.captions])


def _plant(number: int, seed: int) -> dict[int, DefectKind]:
    """Choose which pairs are defective, and how."""
    kinds = [kind for kind, (share, _) in _SHARES.items() for _ in range(max(1, round(share * number)))]
    return dict(zip(stream(seed, "pair defects").sample(range(number), len(kinds)), kinds, strict=True))


def _served(kind: DefectKind | None, image: bytes) -> bytes | None:
    """The file behind a URL, if there is one."""
    if kind == "not_found":
        return None
    if kind == "html":
        return HTML
    if kind == "truncated_image":
        return image[: len(image) // 2]
    return image


def _row(rng: random.Random, uid: str, url: str, text: str, digest: str) -> dict[str, Any]:
    similarity = rng.gauss(0.26, 0.04)
    faces = [[round(rng.random(), 4) for _ in range(4)]] if rng.random() < 0.02 else []
    return {
        "uid": uid,
        "url": url,
        "text": text,
        "original_width": SIDE,
        "original_height": SIDE,
        "clip_b32_similarity_score": similarity,
        "clip_l14_similarity_score": similarity - rng.random() * 0.05,
        "face_bboxes": faces,
        "sha256": digest,
    }


def _write_metadata(root: Path, rng: random.Random, rows: list[dict[str, Any]]) -> None:
    folder = root / "pairs" / "metadata"
    folder.mkdir(parents=True)
    rng.shuffle(rows)
    for file in range(FILES):
        part = rows[file * len(rows) // FILES : (file + 1) * len(rows) // FILES]
        name = hashlib.sha256(f"metadata/{file}".encode()).hexdigest()[:32]
        pq.write_table(pa.Table.from_pylist(part, schema=_SCHEMA), folder / f"{file:02d}_{name}.parquet")
