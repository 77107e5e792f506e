"""Which files a text job takes, by what they hold; and lists, which must be text."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from common.errors import InputError
from dataprep.storage import text_list
from dataprep.text.file_kind import FileKind, check, of

ROWS = b'{"text": "a"}\n' * 3
LZ4 = b"\x04\x22\x4d\x18\x64\x40\xa7\x0e\0\0\x80" + ROWS


def parquet(compression: str = "snappy") -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": ["a"]}), sink, compression=compression)
    return bytes(sink.getvalue())


def archive(make: Any, **options: Any) -> bytes:
    with io.BytesIO() as out:
        with make(out, "w", **options) as packed:
            if isinstance(packed, tarfile.TarFile):
                packed.addfile(tarfile.TarInfo("a"))
            else:
                packed.writestr("a.jsonl", ROWS)
        return out.getvalue()


def windowed(log: int) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(3, window_log=log, enable_ldm=True)
    coder = zstandard.ZstdCompressor(compression_params=parameters).compressobj()  # of unknown length, as from a pipe
    return coder.compress(ROWS) + coder.flush()


def tar(out: io.BytesIO, mode: str) -> tarfile.TarFile:
    return tarfile.open(fileobj=out, mode=mode)  # type: ignore[call-overload,no-any-return]


TAKEN = {
    "a.jsonl": (ROWS, FileKind()),
    "part-00000": (b"\xef\xbb\xbf\n " + ROWS, FileKind()),
    "a.txt": (ROWS, FileKind()),
    "empty": (b"", FileKind()),
    "a.jsonl ": (ROWS, FileKind()),
    "rows.json": (b'["text"]\n' + ROWS, FileKind()),
    "bad-first-row.jsonl": (b"oops\n" + ROWS, FileKind()),
    "a.jsonl.gz": (gzip.compress(ROWS), FileKind(codec="gzip")),
    "a.zst": (zstandard.compress(ROWS), FileKind(codec="zstd")),
    "pzstd.zst": (b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstandard.compress(ROWS), FileKind(codec="zstd")),
    "no-name-for-it": (bz2.compress(ROWS), FileKind(codec="bz2")),
    "a.json.xz": (lzma.compress(ROWS), FileKind(codec="xz")),
    "plain.jsonl.gz": (ROWS, FileKind()),
    "gzip.jsonl": (gzip.compress(ROWS), FileKind(codec="gzip")),
    "damaged.jsonl.zst": (b"\x28\xb5" + bytes(20), FileKind(codec="zstd")),
    "cut.jsonl.gz": (gzip.compress(ROWS)[:12], FileKind(codec="gzip")),
    "a.parquet": (parquet(), FileKind(parquet=True)),
    "parquet-by-another-name": (parquet(), FileKind(parquet=True)),
    "cut.parquet": (b"PA", FileKind(parquet=True)),
    "long.zst": (windowed(27), FileKind(codec="zstd")),
}
REFUSED = {
    "array.json": (b' [\n {"text": "a"}]', r"JSON over several lines, not an object a line; rewrite it with `jq"),
    "one-line-array.jsonl": (b'[{"text": "a"}, {"text": "b"}]', "JSON over several lines"),
    "nothing.json": (b"[]", "JSON over several lines"),
    "indented.json": (b'{\n  "text": "a"\n}\n', "JSON over several lines"),
    "array.json.gz": (gzip.compress(b'[{"text": "a"}]'), "JSON over several lines"),
    "README.md": (b"# The data\n", r"no kind of file that is read \(it begins with b'# The data.*leave it out"),
    "a.jsonl.md5": (b"0b26e313ed4a7ca6904b0e9369e5b957  a.jsonl\n", "no kind of file that is read"),
    "a.csv": (b"url,text\n", "no kind of file that is read"),
    "a.zip": (archive(zipfile.ZipFile), "a zip archive; unzip it"),
    "a.jsonl": (LZ4, "an lz4 stream; give JSON lines"),
    "a.tar": (archive(tar), "a tar archive; unpack it"),
    "a.tar.gz": (gzip.compress(archive(tar)), "a tar archive in a gzip stream; unpack it"),
    "a.parquet.gz": (gzip.compress(parquet()), "a Parquet file in a gzip stream"),
    "a.jsonl.gz.gz": (gzip.compress(gzip.compress(ROWS)), "a stream compressed twice"),
    "utf-16.jsonl": (ROWS.decode().encode("utf-16"), "UTF-16 text; convert it with `iconv"),
    "zeros.jsonl": (bytes(100), "not JSON lines, as its name says, but binary"),
    "page.jsonl": (b"<!DOCTYPE html><p>404", "a web page; fetch the file again"),
    "lfs.jsonl.zst": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer.*git lfs pull"),
    "longer.zst": (windowed(31), r"its zstd window of 2,048 MiB .*; compress it again with `zstd --long=27`"),
}


@pytest.mark.parametrize("name", TAKEN)
def test_content_comes_before_the_name(tmp_path: Path, name: str) -> None:
    data, kind = TAKEN[name]
    (tmp_path / name).write_bytes(data)
    assert of(str(tmp_path / name)) == kind
    check(str(tmp_path / name))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_by_name_with_a_remedy(tmp_path: Path, name: str) -> None:
    data, message = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=rf"{name}: {message}") as caught:
        check(str(tmp_path / name))
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (parquet("none"), " but a Parquet file"),
        (gzip.compress(b"a\nb\n", mtime=0), " but a gzip stream"),
        ("a\nb\n".encode("utf-16"), " but UTF-16 text"),
        (b"a\nb\0\n", ""),
    ],
)
def test_a_list_in_another_format_is_refused(tmp_path: Path, data: bytes, kind: str) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\xff\n")
    assert text_list.read(str(path)) == [b"a", b"b\xff"]
    text_list.check(str(path))
    path.write_bytes(data)
    for look in (text_list.read, text_list.check):
        with pytest.raises(InputError, match=rf"list: not a text file{kind}; write one name a line"):
            look(str(path))
