"""The schedule's samples, read through MosaicML Streaming: its shards, cache and downloads, our order.

One dataset object spans all sources and all phases, so a switch is no event at all here. Start and resume cost the same
at any position: nothing is shuffled, shared or listed in advance. The state is a position and the hash of the
past that led to it; a schedule that tells another past is refused.

Two parts of Streaming are replaced while its constructor runs: the table of samples (`ShardSearch`), and the search
for a free shared-memory prefix, which two jobs on a machine can win at once. A random prefix, agreed by all ranks,
is this run's alone, and what a killed run left behind is never met again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import streaming.base.dataset as stock
import torch.distributed
from streaming import Stream, StreamingDataset
from streaming.base.shared import SharedMemory
from streaming.base.shared.prefix import _get_path, _pack_locals
from streaming.base.world import World

from schemas.errors import InputError
from schemas.schedule import Schedule
from train.loader.decode import DamagedRowError, Row, decode_row
from train.loader.shards import ShardSearch
from train.loader.sources import check_sources, is_compressed
from train.loader.work import LazyWork, SampleIds, Share


class ScheduleDataset(StreamingDataset):
    """Iterates over `decode_row` of the schedule's samples from `start` on: this worker's share of them.

    Args:
        schedule: what to read.
        batch_size: rows of a rank in a step.
        start: position of the first sample, in samples since the start of the run.
        stop: position to end before; default: the schedule's end.
        cache: directory for shards of remote and of compressed sources; others are read where they are.
        cache_limit: bytes of `cache` to keep, None for no limit.

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
    ) -> None:
        self.schedule = schedule
        self.start, self.stop = start, schedule.total_samples if stop is None else stop
        check_sources(schedule)
        streams = [_stream(source.path, source.name, cache) for source in schedule.sources]
        with _adapted():
            super().__init__(
                streams=streams,
                batch_size=batch_size,
                cache_limit=cache_limit,
                shuffle_seed=schedule.seed,
                num_canonical_nodes=1,
                shuffle_block_size=1,
                allow_unsafe_types=False,
            )

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
        return LazyWork(share, self.global_ids)

    def global_ids(self, start: int, stop: int) -> SampleIds:
        """Streaming's sample ids (over all sources, one after another) of positions [start, stop)."""
        sources, ids = self.schedule.samples(start, stop)
        return self.sample_offset_per_stream[sources] + ids

    def __getitem__(self, at: int) -> Row:  # type: ignore[override]
        """Decode one sample by its global id.

        Raises:
            InputError: the row breaks the data contract; names source and sample.
        """
        source = int(np.searchsorted(self.sample_offset_per_stream, at, side="right")) - 1
        schedule = self.schedule
        try:
            return decode_row(self.get_item(at), source, schedule.seq_len, schedule.tokenizer, schedule.geometry)
        except DamagedRowError as damage:
            sample = at - int(self.sample_offset_per_stream[source])
            raise InputError(
                f"sample {sample:,} of source '{schedule.sources[source].name}' holds {damage}",
                file=schedule.sources[source].path,
                remedy="validate the dataset and write it again",
            ) from None

    def close(self) -> None:
        """Let Streaming's look-ahead threads end; an iteration that stopped early would keep the process alive."""
        if hasattr(self, "_event"):
            self._event.set()
        if hasattr(self, "_iterator"):
            self._iterator.exit()

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


def check_past(schedule: Schedule, position: int, past: str) -> None:
    """Refuse a schedule under which `position` would not have been reached as it was."""
    if position > schedule.total_samples or schedule.prefix_hash(position) != past:
        raise InputError(
            f"the schedule's past, before sample {position:,}, is not the one that this checkpoint was trained on",
            field="schedule",
            remedy="change only what lies ahead, branch from an earlier checkpoint, or use a new output directory",
        )


def _stream(path: str, name: str, cache: str) -> Stream:
    """Datasets are never written to: what has to be fetched or decompressed goes to the run's own cache."""
    if "://" not in path and not is_compressed(path):
        return Stream(local=path)
    return Stream(remote=path, local=f"{cache}/{name}")


def _own_prefix(streams_local: list[str], streams_remote: Any, world: World, retry: int = 0) -> Any:
    """A shared-memory prefix that no other run uses; same contract as Streaming's `get_shm_prefix`."""
    agreed = [secrets.randbits(48)]
    distributed = torch.distributed.is_available() and torch.distributed.is_initialized()
    if distributed:
        torch.distributed.broadcast_object_list(agreed, src=0)
    name, data = _get_path(agreed[0], "locals"), _pack_locals(streams_local, agreed[0])
    if world.is_local_leader:
        shared = SharedMemory(name, True, len(data))
        shared.buf[: len(data)] = data
    if distributed:
        torch.distributed.barrier()
    if not world.is_local_leader:
        shared = SharedMemory(name, False)
    return agreed[0], shared


@contextmanager
def _adapted() -> Iterator[None]:
    ours: dict[str, Any] = {"Spanner": ShardSearch, "get_shm_prefix": _own_prefix}
    theirs = {name: getattr(stock, name) for name in ours}
    try:
        for name, replacement in ours.items():
            setattr(stock, name, replacement)
        yield
    finally:
        for name, original in theirs.items():
            setattr(stock, name, original)
