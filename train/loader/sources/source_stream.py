"""One source as a Streaming `Stream`: where its shards lie, and how one becomes readable.

A dataset on a local disk, not compressed, is read in place and never written to or evicted. Everything else goes
through a folder of the loader's cache slot, named by the dataset's content: another version of the data never meets
its files. Each stored file is compared with the manifest's receipt before its first sample is read, in place too.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from streaming import Stream
from streaming.base.compression import decompress
from streaming.base.world import World

from common.errors import InputError
from common.uri import is_remote
from train.loader.cache.download import (
    PART,
    DamagedFileError,
    Order,
    Patience,
    answer_of,
    check_file,
    check_samples,
    disk_full,
    fetch,
    is_disk_full,
    settle,
)
from train.loader.errors import DamagedSourceError, SourceError
from train.loader.sources.shard_table import Shard, ShardTable
from train.loader.sources.wait_for_takedown import when_settled


class Sized:
    """What Streaming's constructor wants of a shard: how many samples it has."""

    __slots__ = ("samples",)

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return self.samples


class SourceStream(Stream):
    """The shards of one source, `name`, at `place` (directory or URL), cached in `folder`."""

    def __init__(
        self,
        name: str,
        place: str,
        table: ShardTable,
        folder: Path,
        patience: Patience,
        reread: Callable[[], ShardTable],
    ) -> None:
        """Args:
        reread: makes the table anew from the dataset as it is now.
        """
        self.name, self.place, self.table, self.patience, self._reread = name, place, table, patience, reread
        self.in_place = not is_remote(place) and not table.compressed
        self.closing = False
        """Set when the loader closes: nothing is retried any more."""
        super().__init__(remote=place if is_remote(place) else None, local=place if self.in_place else str(folder))

    def get_shards(self, world: World, allow_unsafe_types: bool) -> list[Any]:
        """Their sizes alone; readers are made when they are needed (`shard`)."""
        return [Sized(samples) for samples in self.table.records["samples"].tolist()]

    def shard(self, number: int) -> Shard:
        """The reader of shard `number`."""
        return self.table.shard(number, self.local, in_place=self.in_place)

    def get_index_size(self) -> int:
        """No part of the cache's limit, which is about shards."""
        return 0

    def set_up_local(self, shards: Sequence[Any], cache_usage_per_shard: NDArray[np.int64]) -> None:
        """Note which shards an earlier loader left whole. What lies in place counts as absent until it is verified."""
        if self.in_place:
            return
        present = {entry.name: entry.stat().st_size for entry in os.scandir(self.local)}
        numbers = {name.decode(): number for number, name in enumerate(self.table.records["name"].tolist())}
        for name, size in present.items():
            number = numbers.get(name)
            if number is None:
                continue
            if size == int(self.table.records["raw"][number]):
                cache_usage_per_shard[number] = size
            else:
                os.unlink(os.path.join(self.local, name))

    def prepare_shard(self, shard: Shard) -> int:  # type: ignore[override]
        """Make the shard's raw file readable; returns the bytes that the cache grew by.

        Raises:
            SourceError: it is missing, damaged, out of reach, or the cache is full.
        """
        try:
            return self._prepare(shard)
        except DamagedSourceError:
            rewritten = self._rewritten(shard)
            if rewritten is None:
                raise
            return self._prepare(rewritten)

    def _rewritten(self, shard: Shard) -> Shard | None:
        """The shard as a takedown has written it under this run (`dataprep remove`); None if it is as it was."""

        def now() -> Shard | None:
            found = self._reread().shard(shard.number, self.local, in_place=self.in_place)
            return found if found.digest != shard.digest else None

        try:
            return when_settled(now, self.place, Path(self.local), self.patience, lambda: self.closing)
        except SourceError:
            raise
        except InputError:
            return None

    def _prepare(self, shard: Shard) -> int:
        stored, raw = shard.stored, Path(self.local) / shard.raw_data.basename
        what = f"shard '{stored.basename}' of source '{self.name}'"
        if self.in_place:
            self._verified(what, raw, shard)
            return 0
        if shard.zip_data is None:
            self._fetch(what, stored.basename, raw, shard)
        elif self.remote is None:
            packed = Path(self.place) / stored.basename
            self._verified(what, packed, shard)
            self._unpack(what, packed, raw, shard)
        else:
            packed = raw.with_name(f".{stored.basename}.{secrets.token_hex(4)}{PART}")
            self._fetch(what, stored.basename, packed, shard)
            try:
                self._unpack(what, packed, raw, shard)
            finally:
                packed.unlink(missing_ok=True)
        return int(shard.raw_data.bytes)

    def _fetch(self, what: str, name: str, target: Path, shard: Shard) -> None:
        order = Order(what, f"{self.place}/{name}", target, lambda path: _check(path, shard))
        fetch(order, self._download, self.patience, lambda: self.closing)

    def _download(self, remote: str, local: str) -> None:
        try:
            self._downloader.download(remote, local, self.download_timeout)
        except Exception as error:
            if not answer_of(error).startswith("5"):  # a broken connection, or a client that fell back to not signing
                self._downloader.clean_up()
            raise

    def _verified(self, what: str, path: Path, shard: Shard) -> None:
        try:
            _check(path, shard)
        except DamagedFileError as error:
            raise _damaged(what, error, path) from None
        except OSError as error:
            problem, remedy = f"{what} cannot be read ({error.strerror})", "restore it, or correct `path`"
            raise SourceError(problem, file=path, remedy=remedy) from None

    def _unpack(self, what: str, packed: Path, raw: Path, shard: Shard) -> None:
        part = raw.with_name(f".{raw.name}.{secrets.token_hex(4)}{PART}")
        try:
            data = decompress(shard.compression, packed.read_bytes())
            if len(data) != shard.raw_data.bytes:
                raise DamagedFileError(f"it holds {len(data):,} bytes, index.json says {shard.raw_data.bytes:,}")
            check_samples(data, shard.samples)
            part.write_bytes(data)
            settle(part, raw)
        except DamagedFileError as error:
            raise _damaged(what, error, packed if self.remote is None else self.place) from None
        except OSError as error:
            if is_disk_full(error):
                raise disk_full(what, raw) from None
            raise
        finally:
            part.unlink(missing_ok=True)


def _check(path: Path, shard: Shard) -> None:
    """Compare a stored file with its receipt."""
    check_file(path, shard.stored.bytes, shard.digest)
    if shard.zip_data is None:
        with path.open("rb") as file:
            check_samples(file.read(4), shard.samples)


def _damaged(what: str, error: DamagedFileError, file: Path | str) -> DamagedSourceError:
    remedy = "restore it, or write the dataset again"
    return DamagedSourceError(f"{what} is damaged: {error}", file=file, remedy=remedy)
