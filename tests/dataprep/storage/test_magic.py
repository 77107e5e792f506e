"""Tests that a file's kind is told by its first bytes, as the programs that write such files begin them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import zstandard
from pyarrow import ipc

from dataprep.storage.magic import codec, foreign, remedy


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (gzip.compress(b"x", mtime=0), "gzip"),
        (zstandard.ZstdCompressor().compress(b"x"), "zstd"),
        (b"\x50\x2a\x4d\x18" + bytes(9), "zstd"),
        (b"\x5f\x2a\x4d\x18" + bytes(9), "zstd"),
        (b"\x60\x2a\x4d\x18" + bytes(9), None),
        (bz2.compress(b"x"), "bz2"),
        (lzma.compress(b"x"), "xz"),
        (lzma.compress(b"x", lzma.FORMAT_ALONE), None),
        (b'{"text": 1}', None),
        (b"", None),
    ],
)
def test_compressions_that_are_read(head: bytes, name: str | None) -> None:
    assert codec(head) == name


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a", "b")
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return out.getvalue()


def arrow() -> bytes:
    out = pa.BufferOutputStream()
    table = pa.table({"a": [1]})
    with ipc.new_file(out, table.schema) as writer:
        writer.write_table(table)
    return bytes(out.getvalue())


def numpy_array() -> bytes:
    out = io.BytesIO()
    np.save(out, np.arange(3))
    return out.getvalue()


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (zipped(), "a zip archive"),
        (tarred(), "a tar archive"),
        (arrow(), "an Arrow file"),
        (numpy_array(), "a NumPy array"),
        (lzma.compress(b"x", lzma.FORMAT_ALONE), "an lzma stream"),
        ("text".encode("utf-16"), "UTF-16 text"),
        (b"\n <!DOCTYPE html><p>", "a web page"),
        (b"<HTML>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer in place of the file"),
        (gzip.compress(b"x", mtime=0), None),
        (b"PAR1", None),
        (b'{"text": "PK"}', None),
        (b"", None),
    ],
)
def test_files_that_are_of_another_kind(head: bytes, name: str | None) -> None:
    assert foreign(head) == name


def test_a_database_is_named(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "x") as base:
        base.execute("create table t (a)")
    assert foreign((tmp_path / "x").read_bytes()) == "an SQLite database"


def test_what_to_do_about_it() -> None:
    assert remedy("a zip archive", "leave it out") == "unzip it"
    assert remedy("a PDF", "leave it out") == "leave it out"
