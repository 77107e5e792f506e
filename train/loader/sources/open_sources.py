"""Checks once on each node, before anything is read, that the datasets are those that the schedule was compiled for.

Manifest and index are read from where the dataset lies, local or remote, compared with each other and with the
schedule, and left as one table of shards (`train.loader.sources.shard_table`) in the loader's cache slot.
"""

from __future__ import annotations

import gc
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import xxhash
from numpy.typing import NDArray

from common.errors import InputError
from common.uri import is_remote
from schemas.manifest import MANIFEST_NAME, Manifest
from schemas.phases import Source
from schemas.schedule import Schedule
from train.loader.cache.cache_folder import TABLE, Slot
from train.loader.cache.download import PART, Order, Patience, disk_full, fetch, is_disk_full
from train.loader.cache.hub_downloader import downloader_for
from train.loader.sources.make_table import make_table, receipts_of
from train.loader.sources.shard_table import Layout, ShardTable
from train.loader.sources.source_stream import SourceStream
from train.loader.sources.wait_for_takedown import when_settled

SCHEMES = {"s3", "gs", "oci", "azure", "azure-dl", "hf", "sftp", "dbfs", "dbfs-uc", "alipan"}
"""Of addresses that MosaicML Streaming has a downloader for."""
INDEX_NAME = "index.json"


class Site(NamedTuple):
    """Holds what the first rank of a node tells the others of a source."""

    folder: str
    """In the cache: the table, and shards that cannot be read in place."""
    layout: Layout
    """Of the table."""


def survey(schedule: Schedule, slot: Slot, patience: Patience) -> list[Site]:
    """Check every source, and leave its table in `slot`; what the slot holds of other datasets goes.

    Raises:
        InputError: a source is missing, unfinished or out of reach, holds something else, or contradicts itself.
    """
    tables = {}
    for source in schedule.sources:
        _check_scheme(source)
        with _no_collection():
            read = partial(_read, schedule, source, slot.path, patience)
            table = when_settled(read, source.path, slot.path, patience)
        assert table is not None
        tables[_folder_name(source, table)] = table
    slot.keep_only(set(tables))  # first: it may be what takes the room that the tables need
    return [_leave(table, slot.path / name) for name, table in tables.items()]


def _check_scheme(source: Source) -> None:
    scheme, colon, _ = source.path.partition("://")
    if not colon and source.path.startswith("file:"):
        scheme, colon = "file", ":"
    if colon and scheme not in SCHEMES:
        raise InputError(
            f"source '{source.name}' lies at a '{scheme}:' address",
            field="path",
            remedy=f"edit `path` in the schedule: a folder, or an address of {', '.join(sorted(SCHEMES))}",
        )


def _leave(table: ShardTable, folder: Path) -> Site:
    try:
        folder.mkdir(exist_ok=True)
        table.save(folder / TABLE)
    except OSError as error:
        if is_disk_full(error):
            raise disk_full(f"the table of shards '{folder.name}'", folder / TABLE) from None
        problem, remedy = f"cannot use the cache ({error.strerror})", "let `cache` name a writable directory"
        raise InputError(problem, file=folder, remedy=remedy) from None
    return Site(str(folder), table.layout)


def open_streams(schedule: Schedule, sites: list[Site], patience: Patience) -> list[SourceStream]:
    """The streams over what `survey` found."""
    streams = []
    for source, site in zip(schedule.sources, sites, strict=True):
        folder = Path(site.folder)
        table = ShardTable.load(folder / TABLE, site.layout)
        again = partial(_read, schedule, source, folder, patience)
        streams.append(SourceStream(source.name, source.path, table, folder, patience, again))
    return streams


@contextmanager
def _no_collection() -> Iterator[None]:
    """A large index is a million objects that all live: looking for garbage among them doubles the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _folder_name(source: Source, table: ShardTable) -> str:
    """Another version of the data gets another folder, and so does what a takedown has left of it."""
    stored = xxhash.xxh3_64_hexdigest(table.records["digest"].tobytes())
    return f"{source.name}-{source.content[:16]}-{stored[:8]}".replace("/", "_")


def _read(schedule: Schedule, source: Source, scratch: Path, patience: Patience) -> ShardTable:
    if is_remote(source.path):
        receipts, index = _from_remote(schedule, source, scratch, patience)
    else:
        receipts = _checked(Manifest.load(source.path), schedule, source)
        index = _read_index(Path(source.path) / INDEX_NAME, source)
    return make_table(index, receipts, source, source.path)


def _checked(manifest: Manifest, schedule: Schedule, source: Source) -> NDArray[Any]:
    """The manifest's receipts, if it is the one that the schedule was compiled for."""
    if (manifest.content, manifest.samples, manifest.seq_len) != (source.content, source.samples, schedule.seq_len):
        raise InputError(
            f"source '{source.name}' is not the dataset that the schedule was compiled for",
            file=source.path,
            remedy="compile the schedule again, or point `path` at the dataset that it was compiled for",
        )
    return receipts_of(manifest)


def _read_index(path: Path, source: Source) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        problem = f"cannot read index.json of source '{source.name}' ({error.strerror})"
        raise InputError(problem, file=path, remedy="run the dataprep job that writes the dataset again") from None


def _from_remote(schedule: Schedule, source: Source, folder: Path, patience: Patience) -> tuple[NDArray[Any], bytes]:
    """Both are fetched anew at every start: they are small, and what they say is what shards are checked against."""
    try:
        downloader = downloader_for(source.path)
    except (ValueError, ImportError) as error:
        remedy = "use a local directory, s3:// or another remote of Streaming, and install what it needs"
        raise InputError(f"{error}", file=source.path, field=source.name, remedy=remedy) from None
    found = {}
    for name in (MANIFEST_NAME, INDEX_NAME):
        target = folder / f".{source.name.replace('/', '_')}.{name}.{secrets.token_hex(4)}{PART}"
        order = Order(f"{name} of source '{source.name}'", f"{source.path}/{name}", target, lambda path: None)
        fetch(order, lambda remote, local: downloader.download(remote, local), patience)
        found[name] = target
    downloader.clean_up()
    try:
        manifest = Manifest.load_file(found[MANIFEST_NAME])
    except InputError as error:
        raise InputError(error.problem, file=f"{source.path}/{MANIFEST_NAME}", remedy=error.remedy) from None
    else:
        return _checked(manifest, schedule, source), found[INDEX_NAME].read_bytes()
    finally:
        for target in found.values():
            target.unlink(missing_ok=True)
