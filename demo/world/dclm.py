"""The text release: DCLM-baseline's directory layout, JSON lines and fields.

As in the original there is no document id (file and line identify a document), and metadata values are null here and
there, which is what breaks readers that infer the schema.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import Any

import zstandard

from demo.world.documents import SPECIAL_TAILS, UNICODE_TAILS, document
from demo.world.scene import Layout, stream
from demo.world.world import Defect, DefectKind

SHARDS = 8
_EVERY_UNICODE, _EVERY_SPECIAL = 100, 250
_COUNTRIES = ("example.org", "shapes.example", "blog.example.net", "school.example.edu")


def write(root: Path, number: int, seed: int, excluded: Collection[Layout]) -> list[Defect]:
    """Write `number` documents as `SHARDS` files below `root / "text"`; returns the planted oddities."""
    defects: list[Defect] = []
    for shard in range(SHARDS):
        local, file = shard % 2, shard // 2
        name = f"text/global-shard_01_of_10/local-shard_{local}_of_10/shard_{file:08d}_processed.jsonl.zst"
        indices = range(shard * number // SHARDS, (shard + 1) * number // SHARDS)
        defects += write_shard(root, name, indices, seed, "text", excluded)
    return defects


def write_shard(
    root: Path, name: str, indices: range, seed: int, label: str, excluded: Collection[Layout]
) -> list[Defect]:
    """Write the documents `indices` of the stream called `label` as the file `root / name`; returns its oddities."""
    defects, lines = [], []
    for line, index in enumerate(indices, start=1):
        rng = stream(seed, label, index)
        content = document(rng, excluded)
        oddity: DefectKind | None = None
        if index % _EVERY_UNICODE == 7:
            oddity, content = "unicode", f"{content} {rng.choice(UNICODE_TAILS)}"
        elif index % _EVERY_SPECIAL == 11:
            oddity, content = "spells_special", f"{rng.choice(SPECIAL_TAILS)}\n{content}"
        if oddity is not None:
            defects.append(Defect(release="text", kind=oddity, key=f"{name}:{line}", fate="accepted"))
        lines.append(json.dumps(_record(rng, content), ensure_ascii=False, separators=(",", ":")))
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(zstandard.ZstdCompressor(level=3).compress(("\n".join(lines) + "\n").encode()))
    return defects


def texts(root: Path, most: int) -> list[str]:
    """The first `most` documents below `root / "text"`, file by file."""
    found: list[str] = []
    for path in sorted((root / "text").rglob("*.jsonl.zst")):
        lines = zstandard.ZstdDecompressor().decompress(path.read_bytes()).splitlines()
        found += [json.loads(line)["text"] for line in lines[: most - len(found)]]
    return found


def _record(rng: random.Random, content: str) -> dict[str, Any]:
    """`content` with the fields that the release has; values are made up but well-formed."""
    url = f"https://{rng.choice(_COUNTRIES)}/{rng.randrange(10**6)}/{rng.choice(('shapes', 'post', 'page'))}.html"
    day = f"2022-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}T{rng.randint(0, 23):02d}:00:00Z"
    digest = base64.b32encode(hashlib.sha1(content.encode(), usedforsecurity=False).digest()).decode()
    identity = uuid.UUID(int=rng.getrandbits(128), version=4)
    return {
        "bff_contained_ngram_count_before_dedupe": rng.randrange(5),
        "language_id_whole_page_fasttext": {"en": round(rng.uniform(0.7, 0.99), 6)},
        "metadata": {
            "Content-Length": str(len(content.encode()) + 1000),
            "Content-Type": rng.choice(("application/http; msgtype=response", None)),
            "WARC-Block-Digest": f"sha1:{digest}",
            "WARC-Concurrent-To": rng.choice((f"<urn:uuid:{identity}>", None)),
            "WARC-Date": day,
            "WARC-IP-Address": rng.choice(("192.0.2.7", "198.51.100.20", None)),
            "WARC-Identified-Payload-Type": "text/html",
            "WARC-Payload-Digest": f"sha1:{digest}",
            "WARC-Record-ID": f"<urn:uuid:{identity}>",
            "WARC-Target-URI": url,
            "WARC-Truncated": None,
            "WARC-Type": "response",
            "WARC-Warcinfo-ID": rng.choice((f"<urn:uuid:{uuid.UUID(int=rng.getrandbits(128), version=4)}>", None)),
        },
        "previous_word_count": len(content.split()),
        "text": content,
        "url": url,
        "warcinfo": f"robots: classic\r\nformat: WARC File Format 1.1\r\nisPartOf: DEMO-WORLD\r\ndate: {day}\r\n",
        "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob": round(rng.uniform(0.02, 0.9), 8),
    }
