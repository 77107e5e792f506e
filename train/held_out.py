"""Held-out rows, read straight from a dataset's shards: few, in order, the same at every point of every run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from streaming.base.format import reader_from_json

from schemas.errors import InputError
from schemas.manifest import Manifest
from schemas.schedule import Schedule
from train.loader.batch import Batch
from train.loader.collate import collate
from train.loader.decode import DamagedRowError, Row, decode_row
from train.microbatches import idle


class HeldOut:
    """The first `rows` rows of the dataset at `path`, dealt to ranks in turn.

    Raises:
        InputError: no dataset, or one of another tokenizer, length or image geometry than the run's.
    """

    def __init__(self, path: Path, rows: int, schedule: Schedule) -> None:
        self.path, self._schedule = path, schedule
        manifest = Manifest.load(path)
        for field in ("tokenizer", "seq_len", "geometry"):
            here, run = getattr(manifest, field), getattr(schedule, field)
            if here != run and not (field == "geometry" and here is None):
                raise InputError(
                    f"{field} is not the run's",
                    file=path,
                    field="evaluation.sources",
                    remedy="prepare held-out data as the training data was",
                )
        shards = json.loads((path / "index.json").read_bytes())["shards"]
        if any(shard.get("compression") for shard in shards):
            raise InputError(
                "compressed shards", file=path, field="evaluation.sources", remedy="write held-out data uncompressed"
            )
        self._shards = [reader_from_json(str(path), None, shard) for shard in shards]
        self.rows = min(rows, manifest.samples)

    def batches(self, size: int, rank: int, ranks: int) -> Iterator[Batch]:
        """This rank's rows, `size` at a time; equally many batches on every rank, idle ones (no loss) at the end."""
        mine = [self._row(number) for number in range(rank, self.rows, ranks)]
        most = -(-self.rows // ranks)
        needed = -(-most // size)
        filler = idle(collate(mine[:1] or [self._row(0)]))
        for number in range(needed):
            part = mine[number * size : (number + 1) * size]
            yield collate(part) if part else filler

    def _row(self, number: int) -> Row:
        place = number
        for shard in self._shards:
            if place < shard.samples:
                break
            place -= shard.samples
        schedule = self._schedule
        try:
            return decode_row(shard[place], 0, schedule.seq_len, schedule.tokenizer, schedule.geometry)
        except DamagedRowError as damage:
            raise InputError(f"row {number:,} holds {damage}", file=self.path, field="evaluation.sources") from None
