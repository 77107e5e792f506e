"""Runs img2dataset's downloader with our fetcher under it and our writer behind it.

img2dataset does what it is good at: a pool of threads, a bounded queue, samples as they come, hashes. Its resizer and
its writers are arguments of its constructor, and here they are ours: pictures are kept as they came, judged by their
header, turned upright, and put one after another into a spool file, from which the shard is then written in its
canonical order. img2dataset's own tar and Parquet writers would write every picture twice.

It drops a row without a word when writing it fails, so what comes back is compared with what went in by the caller.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from common import atomic_files, resources
from common.errors import StorageError
from common.light_import import import_part
from dataprep.download.client.fetch import Fetcher
from dataprep.download.client.reasons import FetchError, Reason, printable
from dataprep.download.opener import SCHEME, RowOpener, installed
from dataprep.images.inspect import ImageError, ImageInfo, ImageLimits, inspect
from dataprep.images.orientation import upright


@dataclass(frozen=True)
class Picture:
    """A success: what came, and where it lies in the spool."""

    sha256: str
    """Of the bytes that the server sent."""
    orientation: int
    """EXIF orientation that it came with, 1 to 8; it lies in the spool upright."""
    info: ImageInfo
    """Of the bytes in the spool."""
    offset: int
    size: int


@dataclass(frozen=True)
class Failure:
    """Why a row has no picture."""

    reason: str
    detail: str


Outcome = Picture | Failure


class Spool:
    """Pictures in the order in which they came, in one file; outcomes by uid. img2dataset's "sample writer"."""

    def __init__(self, path: Path, limits: ImageLimits) -> None:
        self._path = path
        self._file = open(path, "w+b", buffering=0)  # noqa: SIM115 (closed by `close`)
        self._limits, self._end = limits, 0
        self.outcomes: dict[str, Outcome] = {}
        self.lacks: StorageError | None = None
        """What the machine lacked while rows were fetched: none of their outcomes counts then."""

    def write(self, image: bytes | None, key: str, caption: None, meta: dict[str, Any]) -> None:
        """Take a row's outcome; called by one thread."""
        if meta["status"] != "success" or image is None:  # `refuse` has been told why, unless img2dataset itself failed
            self.outcomes.setdefault(meta["uid"], Failure(Reason.OTHER, printable(meta["error_message"] or "")))
            return
        try:
            came = inspect(image, self._limits)
            stored, info = upright(image, came)
            atomic_files.write_all(self._file, stored)
        except ImageError as refused:
            self.outcomes[meta["uid"]] = Failure(refused.reason, refused.detail)
            return
        except (OSError, MemoryError) as error:  # img2dataset would drop the row without a word
            self.lacks = resources.lacking(error, self._path)
            raise
        self.outcomes[meta["uid"]] = Picture(meta["sha256"], came.orientation, info, self._end, len(stored))
        self._end += len(stored)

    def refuse(self, row: Mapping[str, Any], failure: FetchError | StorageError) -> None:
        """Take the outcome of a row that could not be fetched; called by any thread."""
        if isinstance(failure, StorageError):
            self.lacks = failure
            return
        self.outcomes[row["uid"]] = Failure(failure.reason, printable(failure.detail).rstrip())

    def read(self, picture: Picture) -> bytes:
        """The bytes of one of the pictures."""
        return os.pread(self._file.fileno(), picture.size, picture.offset)

    def close(self) -> None:
        """Closes the file of the spool."""
        self._file.close()


def fetch_into(spool: Spool, rows: list[dict[str, Any]], folder: Path, fetcher: Fetcher, threads: int) -> None:
    """Run img2dataset's downloader over `rows` (uid, url); their outcomes go to `spool`. `folder` must not exist.

    Raises:
        StorageError: the machine lacked something: that says nothing of the rows.
    """
    folder.mkdir()
    source = folder / "rows.arrow"
    table = pa.Table.from_pylist([{"uid": row["uid"], "url": f"{SCHEME}:{number}"} for number, row in enumerate(rows)])
    with pa.ipc.new_file(str(source), table.schema) as out:
        out.write_table(table)
    with installed(RowOpener(rows, fetcher, spool.refuse)):
        import_part("img2dataset", "downloader").Downloader(
            sample_writer_class=lambda *_: _Round(spool),
            resizer=_as_they_are,
            thread_count=threads,
            save_caption=False,
            extract_exif=False,
            output_folder=str(folder),
            column_list=["uid", "url"],
            timeout=None,
            number_sample_per_shard=max(2, len(rows)),
            oom_shard_count=5,
            compute_hash="sha256",
            verify_hash_type=None,
            encode_format="jpg",
            retries=0,
            user_agent_token=None,
            disallowed_header_directives=None,
        ).download_shard((0, str(source)))
    if spool.lacks:
        raise spool.lacks


class _Round:
    """The writer of one call of img2dataset's downloader; the spool outlives it."""

    def __init__(self, spool: Spool) -> None:
        self.write = spool.write

    def close(self) -> None:
        """Does nothing: the spool outlives the round."""


def _as_they_are(stream: io.BytesIO, boxes: None) -> tuple[bytes, None, None, None, None, None]:
    """img2dataset's "resizer": the picture's bytes, untouched, and (not) four sizes and an error."""
    return stream.getvalue(), None, None, None, None, None
