"""Opens an input of the pairs job: a webdataset tar, or Parquet that holds its pictures."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dataprep.engine.rejects import Rejects
from dataprep.pairs import embedded, read
from dataprep.pairs.read import PairRow
from dataprep.storage import files, magic


@contextlib.contextmanager
def opened(
    path: str, rejects: Rejects, directory: Path | None = None, *, near: int = 0
) -> Iterator[tuple[BinaryIO, Iterator[PairRow]]]:
    """The rows of the input `path`, and the file that their pictures are read from.

    Args:
        rejects: takes what is no row.
        directory: where the pictures of Parquet are put.
        near: bytes that are read of a tar at a time while rows are looked for, if no picture is read meanwhile.
    """
    with files.open_input(path) as raw:
        if raw.read(len(magic.PARQUET)) != magic.PARQUET:
            raw.seek(0)
            if not near:
                yield raw, read.read_rows(raw, path, rejects)
                return
            buffered = io.BufferedReader(raw, near)
            yield raw, read.read_rows(buffered, path, rejects)
            buffered.detach()  # or it would close the tar
            return
    with tempfile.TemporaryFile(dir=directory) as held:
        yield held, embedded.read_rows(path, held, rejects)
