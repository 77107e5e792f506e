"""Decides by content which rows of an image job go to the dataset `OUT/held_out`: equal pictures stay together.

The key of a row is the digest of its picture, and of a row without pictures that of its text. A keyed hash of the key
decides; neither order nor number of inputs nor the cluster's size changes it. A row with several pictures ties them
together (`tied`): all rows with one of those pictures have the smallest digest among them as their key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import xxhash

from dataprep.engine.paths import HELD_OUT
from dataprep.engine.rejects import Rejects
from dataprep.engine.tasks import Receipt

RowT = TypeVar("RowT")
TRAIN = ""
"""Folder of the dataset itself, below its root."""


def digest(data: bytes) -> int:
    """64 bits that stand for a picture's encoded bytes, or for a text."""
    return xxhash.xxh3_64_intdigest(data)


def is_held_out(key: int, share: float, seed: int) -> bool:
    """Whether rows with the key `key` are held out, at a share of `share`."""
    hashed = xxhash.xxh3_64_intdigest(key.to_bytes(8, "little"), seed=seed & (1 << 64) - 1)
    return hashed < int(share * 2.0**64)


def tied(groups: Iterable[Sequence[int]]) -> dict[int, int]:
    """The key of each picture that some row ties to others: the smallest digest of all that are tied together.

    Args:
        groups: digests of the pictures of each row that has several.
    """
    parent: dict[int, int] = {}

    def root(one: int) -> int:
        while (above := parent.setdefault(one, one)) != one:
            parent[one] = one = parent[above]
        return one

    for group in groups:
        roots = [root(one) for one in group]
        for one in roots:
            parent[one] = min(roots)
    return {one: root(one) for one in parent}


def key(digests: Sequence[int], ties: Mapping[int, int]) -> int:
    """The key of a row that shows the pictures with these `digests`."""
    return ties.get(digests[0], digests[0])


def sides(rows: Iterable[tuple[RowT, bool]], *, both: bool) -> dict[str, list[RowT]]:
    """The rows of each dataset by its folder, in their order; the second dataset only if `both`.

    Args:
        rows: each with whether it is held out.
    """
    found: dict[str, list[RowT]] = {TRAIN: [], HELD_OUT: []} if both else {TRAIN: []}
    for row, held in rows:
        found[HELD_OUT if held else TRAIN].append(row)
    return found


def receipt(of: Mapping[str, Receipt], refused: Rejects) -> Receipt:
    """The receipt of a task from those of its datasets; a row that is held out counts as rejected under that name."""
    if HELD_OUT not in of:
        return {**of[TRAIN], **refused.account(of[TRAIN]["written"])}
    held = of[HELD_OUT]
    if held["written"]:
        refused.counts[HELD_OUT] += held["written"]
    held = {**held, "rows": held["written"], "rejected": {}}
    return {**of[TRAIN], **refused.account(of[TRAIN]["written"]), HELD_OUT: held}
