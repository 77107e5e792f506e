"""The DataFrame rules against the same rules in plain Python, on many small random worlds at once."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from pyspark.sql import SparkSession

from dataprep.text.config import TextJob
from dataprep.text.selection import decide

BANDS = 3


@dataclass(frozen=True)
class Doc:
    id: int
    digest: bytes
    bands: tuple[int, ...] | None
    item: int | None
    good: bool


def worlds(count: int, size: int, seed: int) -> list[list[Doc]]:
    """Documents with few different digests and band keys, so that chains and ties are common."""
    rng, found = random.Random(seed), []
    for world in range(count):
        docs = []
        for place in range(size):
            text = rng.randrange(size)
            keys = random.Random(world * 1000 + text)  # equal texts have equal bands
            bands = None if keys.random() < 0.1 else tuple(world * 100 + keys.randrange(size) for _ in range(BANDS))
            item = rng.choice([None, None, None, 7])
            docs.append(Doc((world << 20) + place, f"{world}.{text}".encode(), bands, item, rng.random() > 0.2))
        found.append(docs)
    return found


def chain(length: int, base: int) -> list[Doc]:
    """Each is like the one before it and like no other."""
    return [Doc(base + n, f"c{n}".encode(), (base + n, base + n + 1, -base - n), None, True) for n in range(length)]


def expected(docs: list[Doc], job: TextJob) -> dict[int, tuple[int, int | None]]:
    left_out: dict[int, tuple[int, int | None]] = {}
    firsts: dict[bytes, int] = {}
    buckets: dict[tuple[int, int], int] = {}
    for doc in docs:  # in the order of the plan: what is kept is known before what it stands for
        mates = [buckets.get((band, key)) for band, key in enumerate(doc.bands or ())]
        if job.where and not doc.good:
            left_out[doc.id] = (decide.WHERE, None)
        elif job.decontaminate and doc.item is not None:
            left_out[doc.id] = (decide.CONTAMINATED, None)
        elif job.deduplicate and doc.digest in firsts:
            left_out[doc.id] = (decide.DUPLICATE, firsts[doc.digest])
        else:
            firsts[doc.digest] = doc.id
            if job.near_duplicates:
                if met := [mate for mate in mates if mate is not None]:
                    left_out[doc.id] = (decide.NEAR_DUPLICATE, min(met))
                for band, key in enumerate(doc.bands or ()):
                    buckets.setdefault((band, key), doc.id)
    for one, (reason, kept) in left_out.items():
        while kept in left_out:
            kept = left_out[kept][1]
        left_out[one] = (reason, kept)
    return left_out


@pytest.mark.parametrize(
    "rules",
    [
        {"near_duplicates": True, "deduplicate": True, "where": "good", "decontaminate": True},
        {"near_duplicates": True},
        {"deduplicate": True, "decontaminate": True},
    ],
)
def test_the_rules_are_those_of_a_plain_loop(spark: SparkSession, rules: dict[str, object]) -> None:
    if rules.get("decontaminate"):
        rules = {**rules, "decontaminate": {"sets": [{"name": "s", "files": "f", "fields": "q"}]}}
    job = TextJob.model_validate({"inputs": "i", "out": "o", "tokenizer": "t", "fields": "good boolean", **rules})
    docs = [doc for world in worlds(60, 12, 3) for doc in world] + chain(40, 1 << 40)
    rows = [
        (doc.id, 5, doc.digest, f'{{"good": {str(doc.good).lower()}}}', doc.bands and list(doc.bands), doc.item)
        for doc in docs
    ]
    random.Random(1).shuffle(rows)
    found = decide.decide(spark.createDataFrame(rows, decide.SURVEY).repartition(3), job).collect()
    assert len({row.id for row in found}) == len(found)
    assert {row.id: (row.reason, row.kept) for row in found} == expected(docs, job)
    assert {row.reason for row in found} == {
        code for code, on in enumerate([job.where, job.decontaminate, job.deduplicate, job.near_duplicates]) if on
    }
