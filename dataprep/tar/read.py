"""Reads webdataset tars without trusting them: members are located, never extracted.

A webdataset sample is a run of members that share a name up to the first dot of the last path component: `0001.jpg`,
`0001.json`. Reading is an index pass (names, offsets, sizes: 512 bytes a member) followed by reads of what is wanted,
so a member that nobody asked for (`.pth.gz`, a pickle) is skipped unread whatever its size, and memory does not grow
with the tar. Python's `tarfile` would load extended headers of any length and follow links; here those are capped or
refused.

Samples are grouped as `webdataset.tariterators.group_by_keys` groups them; that function itself ends at a name that
comes twice, and leaves samples with a member `KEY.__bad__` out without a word, where here each is a row with its reason
(`docs/decisions/0007-webdataset.md`).
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

from common.errors import InputError
from common.printable import has_controls
from dataprep.storage import magic

BLOCK = tarfile.BLOCKSIZE
_ZEROS = bytes(BLOCK)
_ADLER_BASE = 65521
MAX_EXTENDED_HEADER = 64 * 1024
MAX_MEMBERS = 4_000_000
"""More than this in one tar is an attack on memory or a mistake; releases have some 50,000."""


class Member(NamedTuple):
    """One regular file in a tar."""

    name: str
    offset: int
    """Of its first byte in the tar."""
    size: int
    """In bytes."""

    def read(self, tar: BinaryIO) -> bytes:
        """Its bytes; the caller has judged `size` first. Raises InputError when the tar ends early."""
        tar.seek(self.offset)
        data = tar.read(self.size)
        if len(data) != self.size:
            raise InputError(
                f"the tar ends inside {self.name!r}", file=getattr(tar, "name", None), remedy="fetch the file again"
            )
        return data


@dataclass(frozen=True)
class Sample:
    """Members of one sample by extension; the extension is everything after the first dot, in lower case."""

    key: str
    members: dict[str, Member] = field(default_factory=dict)

    def first(self, *extensions: str) -> Member | None:
        """The member with the first of `extensions` that is present."""
        return next((self.members[ext] for ext in extensions if ext in self.members), None)

    @property
    def unsafe(self) -> bool:
        """Whether the key would leave the directory that the tar is unpacked in (`../`, absolute), or break a line."""
        if has_controls(self.key):
            return True
        parts = self.key.replace("\\", "/").split("/")
        return ".." in parts or parts[0] == "" or ":" in parts[0]


def samples(tar: BinaryIO, name: str) -> Iterator[Sample]:
    """Yield the samples of the seekable, uncompressed `tar` in file order; `name` is for error messages.

    A key that comes again later, or an extension that comes twice in a run, starts a new sample with the same key: the
    caller sees both and decides.

    Raises:
        InputError: it is no tar, is damaged, or ends early.
    """
    current: Sample | None = None
    for member in _members(tar, name):
        if member.name.rpartition("/")[2].startswith("."):  # macOS puts `._NAME`, a resource fork, beside every file
            continue
        key, extension = split_name(member.name)
        if current is None or key != current.key or extension in current.members:
            if current is not None:
                yield current
            current = Sample(key)
        current.members[extension] = member
    if current is not None:
        yield current


def split_name(name: str) -> tuple[str, str]:
    """`dir/0001.syn.json` -> (`dir/0001`, `syn.json`)."""
    directory, slash, base = name.rpartition("/")
    stem, _, extension = base.partition(".")
    return directory + slash + stem, extension.lower()


def _members(tar: BinaryIO, name: str) -> Iterator[Member]:
    end = tar.seek(0, io.SEEK_END)
    position, long_name, count = 0, None, 0
    while position + BLOCK <= end:
        tar.seek(position)
        block = tar.read(BLOCK)
        if block == _ZEROS:
            return _check_end(tar, name)
        try:
            header = _header(block)
        except ValueError:
            raise _no_header(block, position, name) from None
        start = position + BLOCK
        position = start + -(-header.size // BLOCK) * BLOCK
        if header.size < 0 or start + header.size > end:
            raise InputError(
                f"the tar ends inside {header.name!r} ({header.size:,} bytes announced)",
                file=name,
                remedy="fetch the file again",
            )
        if header.type in (tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE):
            if header.size > MAX_EXTENDED_HEADER:
                raise InputError(f"an extended header of {header.size:,} bytes", file=name)
            long_name = _long_name(header.type, tar.read(header.size)) or long_name
            continue
        if header.type in (tarfile.GNUTYPE_LONGLINK, tarfile.XGLTYPE):
            continue
        member_name, long_name = long_name or header.name, None
        if header.type not in tarfile.REGULAR_TYPES or header.type == tarfile.GNUTYPE_SPARSE:
            continue  # directories, links, devices: no data that we would read
        count += 1
        if count > MAX_MEMBERS:
            raise InputError(f"more than {MAX_MEMBERS:,} members", file=name, remedy="split the tar")
        yield Member(member_name.removeprefix("./"), start, header.size)
    raise InputError("the tar has no end: its writer was cut off", file=name, remedy="fetch or make the file again")


def _no_header(block: bytes, position: int, name: str) -> InputError:
    """Says what stands where a header should."""
    if position:
        remedy = "fetch the file again"
        return InputError(f"the tar is damaged at byte {position:,}: no header of a member", file=name, remedy=remedy)
    codec = magic.codec(block)
    kind = (
        f"a {codec} stream" if codec else "a Parquet file" if block.startswith(magic.PARQUET) else magic.foreign(block)
    )
    remedy = "unpack it first: samples are looked up inside, and pictures gain nothing by it" if codec else "give a tar"
    return InputError(
        f"not a tar{f' but {kind}' if kind else ', or damaged from its first byte on'}", file=name, remedy=remedy
    )


def _check_end(tar: BinaryIO, name: str) -> None:
    """Refuse data behind the end-of-archive block: readers stop there, and whole archives have been lost so."""
    position = tar.tell()
    while piece := tar.read(1 << 20):
        if rest := piece.lstrip(b"\0"):
            at = position + len(piece) - len(rest)
            remedy = "tars that were joined by `cat` are unpacked by `tar --ignore-zeros`; give each by itself"
            raise InputError(f"there is data behind the end of the archive, at byte {at:,}", file=name, remedy=remedy)
        position += len(piece)


class _Header(NamedTuple):
    """The fields of a member's header block that are used here."""

    name: str
    size: int
    type: bytes


def _header(block: bytes) -> _Header:
    """Read a header block; `tarfile` does the same for ten times the time, which is a tenth of the job's.

    Raises:
        ValueError: its checksum does not fit, or a number is no number.
    """
    field = block[
        148:156
    ]  # counts as spaces in the sum of all bytes, which adler32 has in its lower half, at C's speed
    total = sum(field) - 8 * ord(" ") + _number(field)
    if zlib.adler32(block) & 0xFFFF != (1 + total) % _ADLER_BASE:
        raise ValueError("bad checksum")
    kind, name = block[156:157], _text(block[:100])
    if kind == b"\0" and name.endswith("/"):
        kind = tarfile.DIRTYPE
    if block[257:263] == b"ustar\0" and kind not in tarfile.GNU_TYPES and block[345]:
        name = f"{_text(block[345:500])}/{name}"
    return _Header(name, _number(block[124:136]), kind)


def _number(field: bytes) -> int:
    """Octal digits, or, as GNU writes sizes beyond 8 GiB, the bytes of the number after a first 0x80."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    return int(field.partition(b"\0")[0].strip() or b"0", 8)


def _text(field: bytes) -> str:
    """A name as a string that can be stored: bytes that are not UTF-8 are spelt out (`\\xe9`)."""
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")


def _long_name(kind: bytes, data: bytes) -> str | None:
    """The name that an extended header carries, if it carries one."""
    if kind == tarfile.GNUTYPE_LONGNAME:
        return data.rstrip(b"\0").decode("utf-8", "backslashreplace")
    while data:
        length, space, _ = data.partition(b" ")
        if not space or not length.isdigit() or len(length) > 9 or not 0 < int(length) <= len(data):
            return None
        record, data = data[len(length) + 1 : int(length) - 1], data[int(length) :]
        if record.startswith(b"path="):
            return record[5:].decode("utf-8", "backslashreplace")
    return None
