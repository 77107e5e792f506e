"""Reads the schedule's samples: which row comes when is computed, where its bytes lie is looked up, nothing is stored.

One dataset object spans all sources and all phases, so changing phase needs no special handling. Start and resume cost
the same at any position: nothing is shuffled, shared or listed in advance. A row goes the same way from end to end:

    Share.rows             (position, source, sample): what this worker reads, in order
    LookAhead              the same, once the sample's shard was asked for
    ShardCache.read        the sample's bytes, by a reader of MosaicML Streaming
    decode_row             ids, labels and pixels

Shards are asked for `ahead` steps before they are needed, in the order in which they are: what the next phase (or the
next block of a pass) reads first is on its way well before the switch, whatever the samples in between come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from streaming.base.world import World
from torch.utils.data import IterableDataset, get_worker_info

from common.errors import InputError
from schemas import row_provenance
from schemas.schedule import Schedule
from train.loader.cache.cache_folder import Slot
from train.loader.cache.download import Patience
from train.loader.cache.ledger import Ledger
from train.loader.errors import Failure, SourceError, ended_by_another
from train.loader.look_ahead import LookAhead
from train.loader.node_agreement import on_each_node
from train.loader.picture_uid import uid_of
from train.loader.rank_share import Drawn, Share
from train.loader.rows.decode import DamagedImageError, DamagedRowError, Row, decode_row
from train.loader.shard_cache import ShardCache
from train.loader.sources.open_sources import Site, open_streams, survey

AHEAD = 64
"""Default steps of look-ahead."""


class ScheduleDataset(IterableDataset[Row | Failure]):
    """Iterates over `decode_row` of the schedule's samples from `start` on: this worker's share of them.

    Args:
        schedule: what to read.
        batch_size: rows of this rank in a step.
        cache: directory for shards of remote and of compressed sources; others are read where they are. Several loaders
            may name the same: each has a folder of its own in it.
        global_batch: rows of all ranks in a step; default: `batch_size` on each.
        start: position of the first sample, in samples since the start of the run.
        stop: position to end before; default: the schedule's end.
        cache_limit: bytes of shards to keep, on each node; None for no limit.
        ahead: steps that shards are asked for before they are needed.
        patience: how long to go on asking a remote that fails.

    Raises:
        InputError: a source is missing, or is not the dataset that the schedule was compiled for.
    """

    def __init__(
        self,
        schedule: Schedule,
        batch_size: int,
        *,
        cache: str,
        global_batch: int | None = None,
        start: int = 0,
        stop: int | None = None,
        cache_limit: int | None = None,
        ahead: int = AHEAD,
        patience: Patience | None = None,
    ) -> None:
        self.schedule, self.batch_size, self.ahead = schedule, batch_size, ahead
        self.global_batch = global_batch
        self.start, self.stop = start, schedule.total_samples if stop is None else stop
        self.world = World.detect()
        """Which of the run's ranks this is."""
        self._patience = patience or Patience()
        self._slot: Slot | None = None
        self._ledger: Ledger | None = None
        self._running: list[LookAhead] = []
        sites, books = on_each_node(self.world, lambda: self._claim(Path(cache).absolute(), cache_limit))
        streams = open_streams(schedule, sites, self._patience)
        try:
            ledger = self._ledger or Ledger.attach(books, sum(len(stream.table) for stream in streams))
        except FileNotFoundError:  # the rank that has made it is gone
            raise ended_by_another() from None
        self.cache = ShardCache(streams, ledger, cache_limit)

    def _claim(self, cache: Path, limit: int | None) -> tuple[list[Site], str]:
        """Prepares a node on its first rank: checks the sources, claims a folder of the cache, notes what it holds."""
        self._slot = Slot(cache)
        sites = survey(self.schedule, self._slot, self._patience)
        streams = open_streams(self.schedule, sites, self._patience)
        self._ledger = Ledger.create(sum(len(stream.table) for stream in streams))
        ShardCache(streams, self._ledger, limit).take_stock()
        return sites, self._ledger.path

    def __len__(self) -> int:
        """Samples of this rank in the whole run, its last step counted whole: torch's DataLoader and Composer ask."""
        return -(-self.stop // (self.global_batch or self.batch_size * self.world.num_ranks)) * self.batch_size

    def __iter__(self) -> Iterator[Row | Failure]:
        """Rows of this worker's share; in a worker process, a `Failure` in place of the row that could not be had.

        Raises:
            SourceError: a shard or a row cannot be read.
        """
        world, limit = self.world.detect_workers(), self.cache.limit
        share = Share(
            start=self.start,
            stop=self.stop,
            batch_size=self.batch_size,
            global_batch=self.global_batch,
            rank=world.rank,
            ranks=world.num_ranks,
            worker=world.worker_of_rank,
            workers=world.workers_per_rank,
        )
        # Use half of a worker's part of the cache: LRU ranks just-read shards as newer than prefetched ones.
        room = limit // (2 * world.workers_per_node) if limit else None
        rows = self.batch_size * max(1, math.ceil(self.ahead / share.workers))
        look_ahead = LookAhead(share.rows(self.schedule.samples), self.cache, rows, room)
        self._running.append(look_ahead)
        try:
            for drawn in look_ahead:
                yield self.row(drawn)
        except SourceError as error:
            if get_worker_info() is None:
                error.told_elsewhere = not self.first_to_fail()
                raise
            yield Failure(error)
        finally:
            self._running.remove(look_ahead)

    def row(self, drawn: Drawn) -> Row:
        """Read and decode one row.

        Raises:
            SourceError: the shard cannot be had, or the row breaks the data contract; names source and sample.
        """
        schedule, source = self.schedule, self.schedule.sources[drawn.source]
        try:
            raw = self.cache.read(drawn.source, drawn.sample)
            shape = (schedule.seq_len, schedule.tokenizer, schedule.geometry)
            return decode_row(raw, drawn.source, *shape, drawn.sample, drawn.position)
        except InputError:
            raise
        except (DamagedRowError, ValueError, IndexError, KeyError, TypeError) as damage:
            raise SourceError(
                f"sample {drawn.sample:,} of source '{source.name}' holds {_what(damage)}",
                file=source.path,
                remedy=_remedy(damage, source.path, drawn.sample),
            ) from None

    def first_to_fail(self) -> bool:
        """Say that this rank cannot go on; returns whether no other rank of this node has said so before."""
        return self.cache.ledger.claim_failure()

    def failed_elsewhere(self) -> bool:
        """Whether a rank of this node has said that it cannot go on: collectives that break then are its doing."""
        return self.cache.ledger.failed

    def told(self) -> bool:
        """Whether a rank of this node has said why it cannot go on."""
        return self.cache.ledger.told

    def tell(self) -> None:
        """Note for the node's other ranks that this one has said why it cannot go on."""
        self.cache.ledger.tell()

    def close(self) -> None:
        """End look-ahead, and free the cache slot."""
        self.cache.close()
        for look_ahead in list(self._running):
            look_ahead.join()
        self.cache.ledger.close()
        if self._slot is not None:
            self._slot.release()


def _remedy(damage: Exception, path: str, sample: int) -> str:
    """An image can be taken out of a dataset without making another dataset of it."""
    if not isinstance(damage, DamagedImageError):
        return "validate the dataset and write it again"
    uid = uid_of(path, sample, damage.picture)
    if uid is not None:
        return (
            f"`{row_provenance.remove_command(path, uid)}` takes it out (`python -m dataprep verify {path} --decode` "
            "names all such pictures); then start the same command again"
        )
    return (
        f"`python -m dataprep why {path} {sample}` names its uid (`verify {path} --decode` those of all such "
        f"pictures), `python -m dataprep remove {path} --uid UID` takes it out; then start the same command again"
    )


def _what(damage: Exception) -> str:
    known = isinstance(damage, DamagedRowError)
    return str(damage) if known else f"bytes that are no row ({type(damage).__name__}: {damage})"
