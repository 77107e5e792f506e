"""Tests of asking a web server for parts of a file: what passes is waited for, what is refused is told at once."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import requests

from common.errors import InputError, StorageError
from dataprep.storage import http_client
from dataprep.storage.http_client import ask, read_range

DATA = bytes(range(256)) * 400


@dataclass
class Server:
    """Serves `DATA` in ranges. The next answers are `faults`: a status with headers, or bytes to break off at."""

    address: str = ""
    faults: list[tuple[int, dict[str, str]] | int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    ranges: bool = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    told = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            told.asked.append(self.headers.get("Range", ""))
            fault = told.faults.pop(0) if told.faults else len(DATA)
            if isinstance(fault, tuple):
                status, headers, body = fault[0], fault[1], b"no"
            elif told.ranges and (part := self.headers.get("Range")):
                first, last = map(int, part.removeprefix("bytes=").split("-"))
                status, body = 206, DATA[first : last + 1]
                headers = {"Content-Range": f"bytes {first}-{last}/{len(DATA)}"}
            else:
                status, headers, body = 200, {}, DATA
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[: fault if isinstance(fault, int) else None])

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        told.address = f"http://127.0.0.1:{listening.server_address[1]}/file"
        monkeypatch.setattr(http_client, "_sleep", told.slept.append)
        yield told
        listening.shutdown()
        thread.join()


def judge(answer: requests.Response) -> None:
    if answer.status_code == 403:
        raise InputError("gated", file="f", remedy="ask for access")


def read(server: Server, position: int, count: int) -> bytes:
    data, reached = read_range(server.address, position, count, {}, "f", judge)
    assert reached == server.address
    return data


@pytest.mark.parametrize(("position", "count"), [(0, 1), (0, len(DATA)), (1000, 2000), (len(DATA) - 7, 7)])
def test_a_part_is_those_bytes_in_one_request(server: Server, position: int, count: int) -> None:
    assert read(server, position, count) == DATA[position : position + count]
    assert server.asked == [f"bytes={position}-{position + count - 1}"]
    assert server.slept == []


def test_an_answer_that_breaks_off_is_gone_on_with_where_it_ended(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_PIECE", 10)
    server.faults += [(503, {}), 100, (503, {}), 20]
    assert read(server, 50, 4000) == DATA[50:4050]
    assert server.asked == [f"bytes={at}-4049" for at in (50, 50, 150, 150, 170)]
    assert len(server.slept) == 4
    server.asked.clear()
    server.faults += [100, 100]
    assert read(server, 50, 4000) == DATA[50:4050]
    assert server.asked == [f"bytes={at}-4049" for at in (50, 50, 150)], "a first answer is received in one piece"


def test_a_server_is_given_the_time_that_it_asks_for(server: Server) -> None:
    server.faults += [(429, {"Retry-After": "17"}), (500, {})]
    assert ask("GET", server.address, {}, "f", judge).content == DATA
    assert server.slept == [17.0, 1.0]
    server.faults += [(503, {"Retry-After": "301"})]
    with pytest.raises(StorageError, match="HTTP 503; the server asks to wait 301 s"):
        read(server, 0, 1)


def test_a_server_that_stays_down_is_failing_storage(server: Server) -> None:
    server.faults += [(502, {})] * http_client.ATTEMPTS
    with pytest.raises(StorageError, match=f"HTTP 502, {http_client.ATTEMPTS} times"):
        read(server, 0, 1)
    assert (len(server.slept), server.faults) == (http_client.ATTEMPTS - 1, [])


def test_refusals_are_told_at_once(server: Server) -> None:
    server.faults += [(403, {})]
    with pytest.raises(InputError, match="f: gated; ask for access"):
        read(server, 0, 1)
    server.faults += [(410, {})]
    with pytest.raises(InputError, match="f: HTTP 410: the file is not there any more; list it again"):
        read(server, 0, 1)
    assert server.slept == []


def test_a_server_without_ranges_may_be_asked_for_the_whole_file_alone(server: Server) -> None:
    server.ranges = False
    assert read(server, 0, len(DATA)) == DATA
    for position, count in ((0, 9), (9, len(DATA) - 9)):
        with pytest.raises(InputError, match="f: the server serves no parts of files; download it, and give the copy"):
            read(server, position, count)
