"""The schedule's samples, read through MosaicML Streaming: its shards, cache and downloads, our order.

One dataset object spans all sources and all phases, so a switch is no event at all here. Start and resume cost the same
at any position: nothing is shuffled, shared or listed in advance. The state is a position and the hash of the
past that led to it; a schedule that tells another past is refused.

What of Streaming is replaced, and why:

- its table of samples (8 bytes a sample in every rank) by a search over shard offsets (`shards`), and its table of
  shards (kilobytes a shard in every rank) by one file that a node's ranks share (`table`);
- the search for a free shared-memory prefix by a random one (`agreement`), the shared cache by slots (`slot`);
- how a shard is made ready (`shard_cache`, `stream`, `fetch`): verified, retried, within its room, and with an error
  that says what to do; its lock for every sample that is looked ahead at by one for every shard that is not there yet;
- how far it looks ahead (`look_ahead`): no further than the cache holds;
- an iteration that a failed download ends early, without a word, by one that raises.

Shards are asked for `ahead` steps before they are needed, in the order in which they are: what the next phase (or the
next block of a pass) reads first is on its way well before the switch, whatever the samples in between come from.
"""

from __future__ import annotations

import logging
import math
import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import streaming.base.dataset as stock
from streaming.base.constant import BARRIER_FILELOCK, CACHE_FILELOCK
from streaming.base.shared.prefix import _get_path
from streaming.base.world import World
from torch.utils.data import get_worker_info

from common.errors import InputError
from schemas.schedule import Schedule
from train.checkpoint.history_check import check_past
from train.loader.cache.cache_folder import Slot
from train.loader.cache.download import Patience
from train.loader.errors import Failure, SourceError
from train.loader.look_ahead import LookAhead
from train.loader.node_agreement import on_each_node, own_prefix
from train.loader.rank_share import LazyWork, SampleIds, Share
from train.loader.rows.decode import DamagedRowError, Row, decode_row
from train.loader.shard_cache import Shards, check_limit
from train.loader.shard_search import ShardSearch
from train.loader.sources.open_sources import Site, open_streams, survey

log = logging.getLogger(__name__)
AHEAD = 64
"""Default steps of look-ahead."""


class ScheduleDataset(LookAhead):
    """Iterates over `decode_row` of the schedule's samples from `start` on: this worker's share of them.

    Args:
        schedule: what to read.
        batch_size: rows of a rank in a step.
        cache: directory for shards of remote and of compressed sources; others are read where they are. Several loaders
            may name the same: each has a folder of its own in it.
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
        start: int = 0,
        stop: int | None = None,
        cache_limit: int | None = None,
        ahead: int = AHEAD,
        patience: Patience | None = None,
    ) -> None:
        self.schedule, self.ahead = schedule, ahead
        self.start, self.stop = start, schedule.total_samples if stop is None else stop
        self._work: LazyWork | None = None
        self._slot: Slot | None = None
        patience = patience or Patience()
        sites = on_each_node(World.detect(), lambda: self._claim(os.path.abspath(cache), patience))
        streams = open_streams(schedule, sites, patience)
        if cache_limit is not None:
            check_limit(streams, cache_limit)
        with _adapted():
            super().__init__(
                streams=streams,
                batch_size=batch_size,
                shuffle_seed=schedule.seed,
                num_canonical_nodes=1,
                shuffle_block_size=1,
                allow_unsafe_types=False,
            )
        self.shards = Shards(streams, self.shard_offset_per_stream)
        self.cache_limit = cache_limit
        self._offsets: list[int] = self.sample_offset_per_stream.tolist()

    def _claim(self, cache: str, patience: Patience) -> list[Site]:
        self._slot = Slot(Path(cache))
        return survey(self.schedule, self._slot, patience)

    def __len__(self) -> int:
        """Samples of this rank in the whole run, which is what torch's DataLoader and Composer ask."""
        return -(-self.stop // self._parallel_rank_world.num_ranks)

    def _resume(self, world: World, epoch: int) -> tuple[int, int]:
        return epoch, self.start

    def _get_work(self, epoch: int, sample_in_epoch: int) -> Any:
        world = self._parallel_worker_world
        assert self.batch_size is not None
        share = Share(
            start=sample_in_epoch,
            stop=self.stop,
            batch_size=self.batch_size,
            rank=world.rank,
            ranks=world.num_ranks,
            worker=world.worker_of_rank,
            workers=world.workers_per_rank,
        )
        self.predownload = self.batch_size * max(1, math.ceil(self.ahead / share.workers))
        self._work = LazyWork(share, self.global_ids)
        return self._work

    def global_ids(self, start: int, stop: int) -> SampleIds:
        """Streaming's sample ids (over all sources, one after another) of positions [start, stop)."""
        sources, ids = self.schedule.samples(start, stop)
        return self.sample_offset_per_stream[sources] + ids

    def __iter__(self) -> Iterator[Any]:
        """Rows of this worker's share; in a worker process, a `Failure` in place of the row that could not be had.

        Raises:
            SourceError: a shard or a row cannot be read.
        """
        rows, work, positions = 0, None, cast(Iterator[int], iter(()))
        try:
            row: Any
            for row in super().__iter__():
                if work is None:  # our own: another iteration over this dataset would replace it, and end this one
                    work = self._work
                    assert work is not None
                    positions = work.positions()
                rows += 1
                yield Row._make((*row[:-1], next(positions)))
            if self._failure is not None:
                raise self._failure
            work = work or self._work
            if work is not None and rows < len(work) and not self._closed:
                raise RuntimeError(f"the loader ended after {rows:,} of {len(work):,} rows")
        except SourceError as error:
            if get_worker_info() is None:
                error.told_elsewhere = not self.first_to_fail()
                raise
            yield Failure(error)

    def __getitem__(self, at: int) -> Row:  # type: ignore[override]
        """Decode one sample by its global id.

        Raises:
            SourceError: the shard cannot be had, or the row breaks the data contract; names source and sample.
        """
        number = bisect_right(self._offsets, at) - 1
        sample = int(at) - self._offsets[number]
        schedule, source = self.schedule, self.schedule.sources[number]
        try:
            raw = self.raw_sample(at)
            return decode_row(raw, number, schedule.seq_len, schedule.tokenizer, schedule.geometry, sample)
        except InputError:
            raise
        except (DamagedRowError, ValueError, IndexError, KeyError, TypeError) as damage:
            raise SourceError(
                f"sample {sample:,} of source '{source.name}' holds {_what(damage)}",
                file=source.path,
                remedy="validate the dataset and write it again",
            ) from None

    def first_to_fail(self) -> bool:
        """Whether no other rank of this node has said so before."""
        try:
            os.close(os.open(self._own_file("failed"), os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            return False
        return True

    def failed_elsewhere(self) -> bool:
        """Whether a rank of this node has said that it cannot go on: collectives that break then are its doing."""
        return os.path.exists(self._own_file("failed"))

    def _own_file(self, name: str) -> str:
        return os.path.join(self._filelock_root, _get_path(self._shm_prefix_int, name))

    def close(self) -> None:
        """Let look-ahead threads end (they would keep the process alive) and free the cache slot."""
        self._closed = True
        for stream in self.streams:
            stream.closing = True  # type: ignore[attr-defined]
        if hasattr(self, "_event"):
            self._event.set()
        if hasattr(self, "_iterator"):
            self._iterator.exit()
        if self._work is not None:
            self._work.close()
        if self._slot is not None:
            self._slot.release()
            for name in (BARRIER_FILELOCK, CACHE_FILELOCK):
                with suppress(OSError):
                    os.unlink(self._own_file(name))

    def state_dict(self, num_samples: int, from_beginning: bool) -> dict[str, Any]:
        """State after `num_samples` samples of the run (`from_beginning`), or since `start`."""
        position = num_samples if from_beginning else self.start + num_samples
        return {
            "position": position,
            "past": self.schedule.prefix_hash(position),
            "schedule": self.schedule.hash,
            "seed": self.schedule.seed,
        }

    def load_state_dict(self, obj: dict[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            InputError: this schedule's past is not the one that the state was reached by.
        """
        check_past(self.schedule, obj["position"], obj["past"])
        self.start = obj["position"]


def _what(damage: Exception) -> str:
    known = isinstance(damage, DamagedRowError)
    return str(damage) if known else f"bytes that are no row ({type(damage).__name__}: {damage})"


@contextmanager
def _adapted() -> Iterator[None]:
    """Streaming's constructor with our parts in place of its own."""
    ours: dict[str, Any] = {"Spanner": ShardSearch, "get_shm_prefix": own_prefix}
    theirs = {name: getattr(stock, name) for name in ours}
    try:
        for name, replacement in ours.items():
            setattr(stock, name, replacement)
        yield
    finally:
        for name, original in theirs.items():
            setattr(stock, name, original)
