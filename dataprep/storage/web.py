"""Reads single files of a web server: `https://host/path`, part by part."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.fs as pafs
import requests

from common.errors import InputError
from dataprep.storage import buffered_reader, http_client
from dataprep.storage.read_only import ReadOnly


class Web(ReadOnly):
    """A server's files, with the methods that `dataprep.storage.files` calls for reading."""

    def get_file_info(self, what: str | pafs.FileSelector) -> Any:
        """A URL's `FileInfo`. A web server lists no folders, so there is nothing below one."""
        if isinstance(what, pafs.FileSelector):
            return []
        answer = _head(what)
        if answer.status_code in (404, 410):
            return pafs.FileInfo(what, pafs.FileType.NotFound)
        return pafs.FileInfo(what, pafs.FileType.File, size=_size(answer, what))

    def open_input_file(self, url: str, buffer: int = 0) -> pa.PythonFile:
        """A seekable stream that fetches `buffer` bytes at a time; a file that is replaced meanwhile is noticed."""
        first = _head(url)
        if first.status_code in (404, 410):
            raise InputError("no such file", file=url, remedy="check the address")
        tag = first.headers.get("ETag", "")
        condition = {"If-Match": tag} if tag and not tag.startswith("W/") else {}

        def read_at(position: int, wanted: int) -> bytes:
            return http_client.read_range(url, position, wanted, condition, url, lambda answer: _judge(answer, url))[0]

        return buffered_reader.stream(read_at, _size(first, url), buffer, http_client.ahead())

    def read_whole(self, url: str, most: int) -> tuple[int, bytes] | None:
        """Size and bytes of a file by one request; None where there is none."""
        return http_client.read_whole(url, most, {}, url, lambda answer: _judge_found(answer, url))


def _head(url: str) -> requests.Response:
    headers, more = {"Accept-Encoding": "identity"}, {"allow_redirects": True}
    return http_client.ask("HEAD", url, headers, url, lambda answer: _judge_found(answer, url), **more)


def _judge_found(answer: requests.Response, url: str) -> None:
    """Judges any answer but that there is no such file."""
    if answer.status_code not in (404, 410):
        _judge(answer, url)


def _size(answer: requests.Response, url: str) -> int:
    length = answer.headers.get("Content-Length")
    if length is None:
        remedy = "download it, and give the copy"
        raise InputError("the server does not say how large the file is", file=url, remedy=remedy)
    return int(length)


def _judge(answer: requests.Response, url: str) -> None:
    status = answer.status_code
    if status == 412:
        raise InputError("the file changed while it was read", file=url, remedy="run the job again in a new `out`")
    if status in (401, 403):
        remedy = "give an address that needs no log-in, or a local copy"
        raise InputError(f"HTTP {status}: the server refuses access", file=url, remedy=remedy)
    if status >= 400:
        raise InputError(f"HTTP {status} {answer.reason}", file=url, remedy="check the address")
