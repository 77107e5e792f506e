"""Asks web servers for parts of files: politely, patiently, and from where an answer broke off.

A server that is busy or breaks (429, 5xx, a reset) is neither a missing nor a damaged file: it is asked again, after
as long as it asked for, and in the end it is a `StorageError`, which tries the task again later. A refusal (401, 403,
404) is an `InputError` that names the remedy. Requests in flight are bounded for each process.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from common.errors import InputError, StorageError
from dataprep.storage.retry_after import retry_after

AT_ONCE = 8
"""Requests of one process in flight."""
ATTEMPTS = 6
LONGEST_S = 300.0
"""Longest wait that a server may ask for before the task is given back."""
_TIMEOUT_S = (10.0, 60.0)
"""To connect, and for the next bytes."""
_PIECE = 1 << 18
"""Bytes that are received at a time after an answer has broken off, which leaves all but the last piece."""
_NO_SUCH_PART = 416
_MAY_PASS = frozenset([408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524])
_slots = threading.BoundedSemaphore(AT_ONCE)
_sleep = time.sleep
Judge = Callable[[requests.Response], None]
"""Raises InputError for an answer that is a refusal."""


@functools.lru_cache(maxsize=1)
def _session() -> requests.Session:
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=AT_ONCE))
    return session


@functools.lru_cache(maxsize=1)
def ahead() -> ThreadPoolExecutor:
    """Threads that fetch what is read next."""
    return ThreadPoolExecutor(AT_ONCE, "ahead")


def ask(method: str, url: str, headers: Mapping[str, str], file: str, judge: Judge, **more: Any) -> requests.Response:
    """The whole answer to a request.

    Raises:
        InputError: `judge` refuses it.
        StorageError: the server fails, time after time.
    """

    def once() -> requests.Response:
        with _slots:
            return _session().request(method, url, headers=dict(headers), timeout=_TIMEOUT_S, **more)

    return _patiently(once, file, judge)


def read_range(
    url: str, position: int, count: int, headers: Mapping[str, str], file: str, judge: Judge
) -> tuple[bytes, str]:
    """`count` bytes of the file from `position` on, all there, and the address that redirects led to.

    Raises:
        InputError: `judge` refuses the answer, or the server serves no parts of files.
        StorageError: the server fails, time after time.
    """
    got, reached, tries = list[bytes](), url, -1

    def once() -> requests.Response:
        nonlocal reached, tries
        tries += 1
        begin = position + sum(map(len, got))
        with _part(url, begin, position + count, headers) as answer:
            if answer.status_code in (200, 206):
                _check_part(answer, begin, count, file)
                _receive(answer, got, count, _PIECE if tries else count)
                reached = answer.url
            return answer

    answer = _patiently(once, file, judge)
    if answer.status_code not in (200, 206):
        raise InputError(
            f"HTTP {answer.status_code}: the file is not there any more", file=file, remedy="list it again"
        )
    return b"".join(got)[:count], reached


def read_whole(url: str, most: int, headers: Mapping[str, str], file: str, judge: Judge) -> tuple[int, bytes] | None:
    """Size and bytes of a file by one request, without the bytes where it has more than `most`; None: no such file.

    Raises:
        InputError: `judge` refuses the answer.
        StorageError: the server fails, time after time.
    """
    got, size = list[bytes](), 0

    def once() -> requests.Response:
        nonlocal size
        got.clear()  # an answer that breaks off is asked for anew: the file may be another by now
        with _part(url, 0, most, headers) as answer:
            if answer.status_code in (200, 206):
                size = _file_size(answer, most, file)
                if size <= most:
                    _receive(answer, got, size, size)
            return answer

    def has_bytes(answer: requests.Response) -> None:
        if answer.status_code != _NO_SUCH_PART:
            judge(answer)

    answer = _patiently(once, file, has_bytes)
    if answer.status_code == _NO_SUCH_PART:  # an empty file has no first byte
        return 0, b""
    return (size, b"".join(got)[:size]) if answer.status_code in (200, 206) else None


@contextmanager
def _part(url: str, begin: int, end: int, headers: Mapping[str, str]) -> Iterator[requests.Response]:
    """The answer to a request for the bytes from `begin` to `end`, its body still to come."""
    asked = {**headers, "Range": f"bytes={begin}-{end - 1}", "Accept-Encoding": "identity"}
    with _slots, _session().get(url, headers=asked, timeout=_TIMEOUT_S, stream=True) as answer:
        yield answer


def _check_part(answer: requests.Response, begin: int, count: int, file: str) -> None:
    """Raises InputError unless `answer` begins at `begin`, or is the whole file, which has `count` bytes."""
    if answer.status_code == 200 and not begin and int(answer.headers.get("Content-Length", -1)) == count:
        return
    if not answer.headers.get("Content-Range", "").startswith(f"bytes {begin}-"):
        raise InputError("the server serves no parts of files", file=file, remedy="download it, and give the copy")


def _file_size(answer: requests.Response, asked: int, file: str) -> int:
    """Size of the file whose first `asked` bytes, or all of them, `answer` has."""
    if answer.status_code == 200 and (length := answer.headers.get("Content-Length")) is not None:
        return int(length)
    _check_part(answer, 0, asked, file)
    whole = answer.headers["Content-Range"].rpartition("/")[2]
    if not whole.isdecimal():
        remedy = "download it, and give the copy"
        raise InputError("the server does not say how large the file is", file=file, remedy=remedy)
    return int(whole)


def _receive(answer: requests.Response, got: list[bytes], count: int, piece: int) -> None:
    """Adds the body to `got`, `piece` bytes at a time; in one piece, it takes a quarter of the CPU.

    Raises:
        ConnectionError: there are not `count` bytes then.
    """
    got.extend(answer.iter_content(max(piece, 1)))
    if (came := sum(map(len, got))) < count:
        raise requests.ConnectionError(f"{came:,} of {count:,} bytes came")


def _patiently(once: Callable[[], requests.Response], file: str, judge: Judge) -> requests.Response:
    problem = ""
    for attempt in range(ATTEMPTS):
        wait: float = 2**attempt / 2
        try:
            answer = once()
            if answer.status_code not in _MAY_PASS:
                judge(answer)
                return answer
            problem = f"HTTP {answer.status_code}"
            wait = max(wait, retry_after(answer.headers) or 0.0)
            if wait > LONGEST_S:
                raise StorageError(f"{problem}; the server asks to wait {wait:,.0f} s", file=file)
        except requests.RequestException as error:
            problem = f"{type(error).__name__}: {error}"
        if attempt < ATTEMPTS - 1:
            _sleep(wait)
    raise StorageError(f"{problem}, {ATTEMPTS} times", file=file)
