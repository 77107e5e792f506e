"""Makes the shards of one source readable: where they lie, and what it takes to get one from there.

A dataset on a local disk, not compressed, is read in place and never written to or evicted. Everything else goes
through a folder of the loader's cache slot, named by the dataset's content: another version of the data never meets
its files. Each stored file is compared with the manifest's receipt before its first sample is read, in place too.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from streaming.base.compression import decompress

from common import atomic_files
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
)
from train.loader.cache.hub_downloader import downloader_for
from train.loader.errors import DamagedSourceError, SourceError
from train.loader.sources.shard_table import Shard, ShardTable
from train.loader.sources.wait_for_takedown import when_settled


class SourceStream:
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
        """Whether shards are read where the dataset lies."""
        self.closing = False
        """Set when the loader closes: nothing is retried any more."""
        self._folder = Path(place) if self.in_place else folder
        self._downloader = downloader_for(place) if is_remote(place) else None

    def shard(self, number: int) -> Shard:
        """The reader of shard `number`."""
        return self.table.shard(number, str(self._folder), in_place=self.in_place)

    def left_over(self) -> Iterator[tuple[int, int]]:
        """Number and bytes of each shard that an earlier loader left whole in the cache; what is not whole goes."""
        if self.in_place:
            return
        present = {os.fsencode(entry.name): entry.stat().st_size for entry in os.scandir(self._folder)}
        records = self.table.records
        for number in np.flatnonzero(np.isin(records["name"], np.array([b"", *present]))).tolist():
            name, due = records["name"][number], int(records["raw"][number])
            if present[name] == due:
                yield number, due
            else:
                (self._folder / os.fsdecode(name)).unlink()

    def prepare_shard(self, shard: Shard) -> int:
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
            found = self._reread().shard(shard.number, str(self._folder), in_place=self.in_place)
            return found if found.digest != shard.digest else None

        try:
            return when_settled(now, self.place, self._folder, self.patience, lambda: self.closing)
        except SourceError:
            raise
        except InputError:
            return None

    def _prepare(self, shard: Shard) -> int:
        stored, raw = shard.stored, self._folder / shard.raw_data.basename
        what = f"shard '{stored.basename}' of source '{self.name}'"
        if self.in_place:
            self._verified(what, raw, shard)
            return 0
        if shard.zip_data is None:
            self._fetch(what, stored.basename, raw, shard)
        elif self._downloader is None:
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
        assert self._downloader is not None
        try:
            self._downloader.download(remote, local)
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
        try:
            data = decompress(shard.compression, packed.read_bytes())
            if len(data) != shard.raw_data.bytes:
                raise DamagedFileError(f"it holds {len(data):,} bytes, index.json says {shard.raw_data.bytes:,}")
            check_samples(data, shard.samples)
            with atomic_files.new_file(raw, shared=True) as part:
                part.write_bytes(data)
        except DamagedFileError as error:
            raise _damaged(what, error, packed if self._downloader is None else self.place) from None
        except OSError as error:
            if is_disk_full(error):
                raise disk_full(what, raw) from None
            raise


def _check(path: Path, shard: Shard) -> None:
    """Compare a stored file with its receipt."""
    check_file(path, shard.stored.bytes, shard.digest)
    if shard.zip_data is None:
        with path.open("rb") as file:
            check_samples(file.read(4), shard.samples)


def _damaged(what: str, error: DamagedFileError, file: Path | str) -> DamagedSourceError:
    remedy = "restore it, or write the dataset again"
    return DamagedSourceError(f"{what} is damaged: {error}", file=file, remedy=remedy)
