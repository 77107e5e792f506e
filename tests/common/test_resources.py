"""What a machine lacks is told from damage and from bugs, and says where, how much and what to do."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from common import resources
from common.errors import ResourceError, StorageError
from tests.helpers.commands import command_environment


def test_a_full_disk_names_its_file_system_and_what_is_free(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "not/yet/there"):
        said = str(resources.lacking(OSError(errno.ENOSPC, "No space left on device"), place))
        assert said.startswith(f"{place}: no space is left (")
        assert " at /" in said
        assert said.split("(")[1].split(")")[0].endswith(" free")
        assert said.endswith("run the same command again: it goes on where it stopped")


def test_the_errors_own_path_goes_before_the_place() -> None:
    said = str(resources.lacking(OSError(errno.EDQUOT, "Disk quota exceeded", "/a/b"), "/c"))
    assert said.startswith("/a/b: the disk quota is used up (")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM])
def test_what_may_not_be_written_counts_for_outputs_alone(number: int, tmp_path: Path) -> None:
    error = OSError(number, os.strerror(number), str(tmp_path))
    assert resources.lacking(error) is None
    said = str(resources.refused(error))
    assert said.startswith(f"{tmp_path}: it cannot be written ({os.strerror(number).lower()}")


def test_a_failing_disk_is_storage_that_fails() -> None:
    found = resources.lacking(OSError(errno.EIO, "Input/output error", "/a"))
    assert type(found) is StorageError
    assert str(found) == "/a: storage failed (Input/output error)"


def test_other_errors_are_not_the_machines() -> None:
    for error in (FileNotFoundError(errno.ENOENT, "no", "/a"), OSError("a damaged stream"), ValueError(), KeyError()):
        assert resources.refused(error, "/a") is None


def test_memory_says_what_is_free() -> None:
    said = str(resources.lacking(MemoryError("Unable to allocate 9 GiB"), "/a"))
    assert said.startswith("/a: out of memory (Unable to allocate 9 GiB; ")
    assert "iB free" in said


def test_more_memory_than_the_machine_has_is_a_damaged_file() -> None:
    assert resources.lacking(MemoryError("malloc of size 9000000000000000 failed"), "/a") is None
    assert resources.lacking(MemoryError("malloc of size 9000 failed"), "/a") is not None


LIMITED = """
import resource, sys
from common import resources
kind, value, place = sys.argv[1:]
number = getattr(resource, kind)
resource.setrlimit(number, (int(value), resource.getrlimit(number)[1]))
kept = []
try:
    with resources.named(place):
        if kind == "RLIMIT_NOFILE":
            while True:
                kept.append(open("/dev/null"))
        if kind == "RLIMIT_AS":
            kept.append(bytearray(1 << 33))
        with open(place, "wb", buffering=0) as file:
            for _ in range(99):
                file.write(bytes(1 << 16))
except resources.ResourceError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("RLIMIT_NOFILE", 30, "/dev/null: too many open files (ulimit -n is 30); raise it (`ulimit -n "),
        ("RLIMIT_AS", 1 << 31, "PLACE: out of memory ("),
        ("RLIMIT_FSIZE", 1 << 18, "PLACE: a file grew too large (ulimit -f allows 256.0 KiB); raise the limit, then"),
    ],
)
def test_limits_of_a_real_process(kind: str, value: int, said: str, tmp_path: Path) -> None:
    place = str(tmp_path / "file")
    argv = [sys.executable, "-c", LIMITED, kind, str(value), place]
    done = subprocess.run(argv, env=command_environment(), capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.startswith(said.replace("PLACE", place)), (done.stdout, done.stderr[-2000:])
    assert done.stdout.count("\n") == 1


def test_open_files_are_looked_at_where_another_error_hides_them() -> None:
    resources.check_files("a.example")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        with pytest.raises(ResourceError, match=r"a\.example: too many open files \(ulimit -n is 3\)"):
            resources.check_files("a.example")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_sizes() -> None:
    assert [resources.size(n) for n in (0, 1023, 1536, 5 << 40)] == ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 TiB"]
