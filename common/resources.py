"""Tells what a machine lacks (room, permission, open files, memory) from a damaged file and from a bug.

The operating system says "No space left on device", often without a path. The line that a user needs names the path,
its file system, what is free and what to do; after that the same command goes on, so no such error is a reason to
reject a row.
"""

from __future__ import annotations

import errno
import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import ResourceError, StorageError

ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FILES = frozenset({errno.EMFILE, errno.ENFILE})
_REFUSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_BROKEN = frozenset({errno.EIO, errno.ESTALE, errno.EREMOTEIO})
"""The file system under a file fails: what the file holds is not known."""
_AGAIN = "then run the same command again: it goes on where it stopped"
_ASKED = re.compile(r"(?:malloc|realloc) of size (\d+)")


def lacking(error: BaseException, place: str | Path = "") -> StorageError | None:
    """Returns the error of a machine that lacks something or whose disk fails; None where `error` is of another kind.

    What may not be read or written is not among them: see `refused`.

    Args:
        place: where the program was writing or reading, for an error that does not say; "" is not known.
    """
    if isinstance(error, MemoryError):
        return None if _is_absurd(error) else no_memory(place, str(error).splitlines()[0] if str(error) else "")
    if not isinstance(error, OSError) or error.errno is None:
        return None
    named = error.filename2 or error.filename
    where = os.fsdecode(named) if isinstance(named, str | bytes | os.PathLike) else str(place)
    if error.errno == errno.ENOMEM:
        return no_memory(where)
    if error.errno in _FILES:
        return no_files(where, error.errno)
    if error.errno in ROOM:
        return no_room(where, error.errno)
    if error.errno in _BROKEN:
        return StorageError(os.strerror(error.errno), file=where)
    return None


def refused(error: BaseException, place: str | Path = "") -> StorageError | None:
    """Returns what `lacking` does, or the error of a place that may not be written: for what a program writes."""
    if not isinstance(error, OSError) or error.errno not in _REFUSED:
        return lacking(error, place)
    named = error.filename2 or error.filename
    return not_writable(os.fsdecode(named) if named else str(place), error.errno)


def check(error: BaseException, place: str | Path = "") -> None:
    """Raise what the machine lacked where that is what `error` says."""
    if isinstance(lacks := lacking(error, place), ResourceError):
        raise lacks from None


def check_files(place: str | Path) -> None:
    """Raise what the machine lacks where no more file can be opened."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        check(OSError(error.errno, error.strerror), place)


@contextmanager
def named(place: str | Path = "") -> Iterator[None]:
    """Raise what the machine lacks, or refuses to write, as one line; see `refused`."""
    try:
        yield
    except (OSError, MemoryError) as error:
        if lacks := refused(error, place):
            raise lacks from None
        raise


def no_room(place: str, number: int = errno.ENOSPC) -> ResourceError:
    """The error of a file system that is full, of a quota that is used up, or of a limit on a file's size."""
    if number == errno.EFBIG:
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        said = "no limit is set" if limit == resource.RLIM_INFINITY else f"ulimit -f allows {size(limit)}"
        return ResourceError(f"a file grew too large ({said})", file=place, remedy=f"raise the limit, {_AGAIN}")
    problem = "the disk quota is used up" if number == errno.EDQUOT else "no space is left"
    remedy = f"make room or name a larger disk, {_AGAIN}"
    said = f"{problem} ({_room(place)})" if place else problem
    return ResourceError(said, file=place or "output", remedy=remedy, is_room=True)


def not_writable(place: str, number: int = errno.EACCES) -> ResourceError:
    """The error of a place that may not be written."""
    how = os.strerror(number).lower()
    what = f"{how}: {_mount(place)}" if number == errno.EROFS else f"{how}, as user {os.getuid()}"
    return ResourceError(
        f"it cannot be written ({what})", file=place, remedy=f"name a place that can be written, or mend it, {_AGAIN}"
    )


def no_files(place: str, number: int = errno.EMFILE) -> ResourceError:
    """The error of a process, or a machine, with too many open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    what = f"ulimit -n is {soft:,}" if number == errno.EMFILE else "on the whole machine"
    remedy = f"raise it (`ulimit -n {hard}`)" if number == errno.EMFILE and hard > soft else "raise the limit"
    return ResourceError(f"too many open files ({what})", file=place, remedy=f"{remedy}, {_AGAIN}")


def no_memory(place: str | Path, detail: str = "") -> ResourceError:
    """The error of a process that got no memory, or was ended for it."""
    said = f"{detail}; {_memory()}" if detail else _memory()
    remedy = f"use fewer cores at a time (`--master local[N]`, `spark.executor.cores`), or more memory, {_AGAIN}"
    return ResourceError(f"out of memory ({said})", file=str(place), remedy=remedy)


def size(number: float) -> str:
    """Spells a number of bytes in the largest unit that leaves at least one of it."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:,.1f} TiB"


def _is_absurd(error: MemoryError) -> bool:
    """Whether more was asked for than the machine has at all: a damaged file says so, no shortage."""
    asked = _ASKED.search(str(error))
    return asked is not None and int(asked[1]) > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _room(place: str) -> str:
    found = _existing(place)
    try:
        said = os.statvfs(found)
    except OSError:
        return found
    free, whole = (blocks * said.f_frsize for blocks in (said.f_bavail, said.f_blocks))
    return f"{_mount(found)}, {size(free)} of {size(whole)} free"


def _existing(place: str) -> str:
    """`place`, or the nearest folder above it that is there."""
    path = Path(place).absolute()
    return str(next((one for one in (path, *path.parents) if one.exists()), path))


def _mount(place: str) -> str:
    """The file system of `place`: its type and where it is mounted."""
    path = os.path.realpath(_existing(place))
    inside = [one for one in _mounts() if path == one[0] or path.startswith(one[0].rstrip("/") + "/")]
    where, kind = max(inside, key=lambda one: len(one[0]), default=("/", "file system"))
    return f"{kind} at {where}"


def _mounts() -> Iterator[tuple[str, str]]:
    """Mount points and types; none where the system does not list them."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        _, where, kind, *_ = line.split(" ")
        yield where.replace("\\040", " "), kind


def _memory() -> str:
    """Says what is free of the machine's memory, or of the container's limit where that is less."""
    found = {}
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            name, value, *_ = line.replace(":", " ").split()
            found[name] = int(value) << 10
    except (OSError, ValueError):
        return "unknown how much is free"
    limit = next(filter(None, map(_limit, ("memory.max", "memory/memory.limit_in_bytes"))), found.get("MemTotal", 0))
    return f"{size(found.get('MemAvailable', 0))} of {size(min(limit, found.get('MemTotal', 0)))} free"


def _limit(name: str) -> int | None:
    try:
        return int(Path("/sys/fs/cgroup", name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
