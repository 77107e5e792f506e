"""Single files of a web server on loopback."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from common.errors import InputError, StorageError
from dataprep.storage import files, globs, http_client
from tests.helpers.dataset_hub import DatasetHub, Fault, loopback_datasets

DATA = random.Random(2).randbytes(1 << 20)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetHub]:
    monkeypatch.setattr(http_client, "_sleep", lambda seconds: None)
    with loopback_datasets() as running:
        yield running


def address(server: DatasetHub, name: str = "a.bin") -> str:
    return f"{server.address}/cdn/o/n/{server.branches['o/n', 'main']}/{name}"


def test_a_file_is_read_in_parts_through_faults(server: DatasetHub) -> None:
    server.push("o/n", {"a.bin": DATA})
    url = address(server)
    server.faults += [Fault("HEAD", 503), Fault("GET"), Fault("GET", 429)]
    assert globs.expand([url]) == [url]
    assert files.size(url) == len(DATA)
    with files.open_input(url, buffer=300_000) as stream:
        assert stream.read() == DATA
    assert server.faults == []


def test_what_cannot_be_had_says_why(server: DatasetHub) -> None:
    server.push("o/n", {"a.bin": DATA})
    url = address(server)
    server.faults += [Fault("none", 404), Fault("none", 404)]
    with pytest.raises(InputError, match="none: no such file; check the address; the web has no wildcards"):
        globs.expand([f"{server.address}/none"])
    with pytest.raises(InputError, match="no such file; check the address"):
        files.open_input(f"{server.address}/none")
    for status, said in ((403, "HTTP 403: the server refuses access; give"), (400, "HTTP 400 .*; check the address")):
        server.faults.append(Fault("HEAD", status))
        with pytest.raises(InputError, match=said):
            files.size(url)
    with pytest.raises(InputError, match="do not write; use another `out`"):
        files.publish_bytes(b"x", url)
    server.faults += [Fault("HEAD", 500)] * 9
    with pytest.raises(StorageError, match="HTTP 500, 6 times"):
        files.size(url)


def test_a_file_that_is_replaced_while_it_is_read_is_noticed(server: DatasetHub) -> None:
    server.push("o/n", {"a.bin": DATA})
    with files.open_input(address(server), buffer=1 << 12) as stream:
        stream.read(10)
        server.files["o/n"][server.branches["o/n", "main"]]["a.bin"] = DATA[::-1]
        with pytest.raises(InputError, match="the file changed while it was read; run the job again"):
            stream.read()


def test_a_server_without_ranges_is_named(server: DatasetHub) -> None:
    server.push("o/n", {"a.bin": DATA, "small": b"whole"})
    server.ranges = False
    assert files.read_bytes(address(server, "small")) == b"whole"
    said = "the server serves no parts of files; download it, and give the copy"
    with files.open_input(address(server), buffer=1 << 12) as stream, pytest.raises(InputError, match=said):
        stream.read(10)
