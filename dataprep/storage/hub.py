"""Reads datasets of a model hub: `hf://datasets/OWNER/NAME[@REVISION]/path`, through the hub's own API.

A revision is pinned to its commit where inputs are listed, on the driver; plan, provenance and manifest then name files
that cannot change. Executors read directly, part by part, and nothing is mirrored on disk. huggingface_hub supplies
endpoint (`HF_ENDPOINT`), token (`HF_TOKEN`) and offline mode; requests and their errors are `http_client`'s, since a
job needs what `docs/text.md` promises of storage: a busy server is never a damaged or missing file.
"""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.fs as pafs
import requests

from common.errors import InputError
from common.hub_address import Place, parse, resolved
from dataprep.storage import buffered_reader, http_client
from dataprep.storage.read_only import ReadOnly

_COMMIT = re.compile(r"[0-9a-f]{40}")
_INFOS = 4096
"""Files whose size is remembered in a process."""


class Info(NamedTuple):
    """Describes a file of a commit."""

    size: int
    tag: str
    """Digest of its content, as the hub has it: sha256 of large files, git's of others."""


def pinned(uri: str) -> str:
    """`uri` with its revision replaced by the commit that it stands for now.

    Raises:
        InputError: no such dataset or revision, or no access to it.
    """
    place = parse(uri)
    if _COMMIT.fullmatch(place.revision):
        return place.uri
    api = f"{_endpoint()}/api/datasets/{place.repository}/revision/{quote(place.revision, safe='')}"
    commit = _ask("GET", api, uri).json()["sha"]
    return place._replace(revision=commit).uri


class Hub(ReadOnly):
    """One dataset at one revision, with the methods that `dataprep.storage.files` calls for reading."""

    def __init__(self, repository: str, revision: str) -> None:
        self._at = Place(repository, revision, "")
        self._info = functools.lru_cache(_INFOS)(self._look_up)

    def get_file_info(self, what: str | pafs.FileSelector) -> Any:
        """A path's `FileInfo`, or those of all files below a selector's directory."""
        if isinstance(what, pafs.FileSelector):
            return self._list(what.base_dir.strip("/"))
        path = what.strip("/")
        if not path:
            return pafs.FileInfo("", pafs.FileType.Directory)
        if found_file := self._info(path):  # the request that reading needs anyway
            return pafs.FileInfo(path, pafs.FileType.File, size=found_file.size)
        api = f"{_endpoint()}/api/datasets/{self._at.repository}/paths-info/{quote(self._at.revision, safe='')}"
        found = _ask("POST", api, self._uri(path), json={"paths": [path], "expand": False}).json()
        return _file_info(found[0]) if found else pafs.FileInfo(path, pafs.FileType.NotFound)

    def identity(self, path: str) -> str:
        """The content's digest as the hub states it, so that a pinned input need not be read to be known."""
        return f"hub:{self._file(path.strip('/')).tag}"

    def open_input_file(self, path: str, buffer: int = 0) -> pa.PythonFile:
        """A seekable stream that fetches `buffer` bytes at a time."""
        path = path.strip("/")
        length, uri, address = self._file(path).size, self._uri(path), self._address(path)
        final: str | None = None

        def read_at(position: int, wanted: int) -> bytes:
            nonlocal final
            if final and final != address:
                try:
                    return http_client.read_range(final, position, wanted, {}, uri, _expired)[0]
                except _ExpiredError:
                    final = None
            data, final = http_client.read_range(address, position, wanted, _headers(), uri, _judged(uri))
            return data

        return buffered_reader.stream(read_at, length, buffer, http_client.ahead())

    def read_whole(self, path: str, most: int) -> tuple[int, bytes] | None:
        """Size and bytes of a file, by one request (and its redirect's); None where there is none."""
        uri = self._uri(path)
        _check_online(uri)
        return http_client.read_whole(self._address(path.strip("/")), most, _headers(), uri, _judged(uri))

    def _list(self, folder: str) -> list[pafs.FileInfo]:
        below = f"/{quote(folder, safe='/')}" if folder else ""
        url: str | None = (
            f"{_endpoint()}/api/datasets/{self._at.repository}/tree/{quote(self._at.revision, safe='')}{below}"
        )
        found: list[pafs.FileInfo] = []
        more: dict[str, Any] = {"params": {"recursive": True, "expand": False}}
        while url:
            answer = _ask("GET", url, self._uri(folder), **more)
            if answer.status_code == 404:  # no such folder
                return []
            found += [_file_info(one, "" if folder else "/") for one in answer.json() if one["type"] == "file"]
            url, more = answer.links.get("next", {}).get("url"), {}
        return found

    def _file(self, path: str) -> Info:
        if (found := self._info(path)) is None:
            raise InputError("no such file in the dataset", file=self._uri(path), remedy="check the path")
        return found

    def _look_up(self, path: str) -> Info | None:
        answer = _ask("HEAD", self._address(path), self._uri(path), allow_redirects=False)
        headers = answer.headers
        size = headers.get("X-Linked-Size") or headers.get("Content-Length")
        tag = headers.get("X-Linked-ETag") or headers.get("ETag") or ""
        if answer.status_code == 404 or size is None:
            return None
        return Info(int(size), tag.removeprefix("W/").strip('"'))

    def _address(self, path: str) -> str:
        return resolved(_endpoint(), self._at._replace(path=path))

    def _uri(self, path: str) -> str:
        return self._at._replace(path=path.strip("/")).uri


class _ExpiredError(Exception):
    """The address that a redirect led to is not valid any more."""


def _expired(answer: requests.Response) -> None:
    if answer.status_code not in (200, 206):
        raise _ExpiredError


def _file_info(one: dict[str, Any], root: str = "") -> pafs.FileInfo:
    kind = pafs.FileType.File if one["type"] == "file" else pafs.FileType.Directory
    return pafs.FileInfo(root + one["path"], kind, size=one.get("size"))


def _endpoint() -> str:
    from huggingface_hub import constants

    return constants.ENDPOINT.rstrip("/")


def _headers() -> dict[str, str]:
    from huggingface_hub.utils._headers import build_hf_headers

    return dict(build_hf_headers(library_name="switchpoint"))


def _ask(method: str, url: str, uri: str, **more: Any) -> requests.Response:
    _check_online(uri)
    return http_client.ask(method, url, _headers(), uri, _judged(uri), **more)


def _check_online(uri: str) -> None:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise InputError("HF_HUB_OFFLINE is set", file=uri, remedy="unset it, or give a local copy")


def _judged(uri: str) -> http_client.Judge:
    """A judge of answers about `uri`; a missing file or folder is no refusal but an answer."""

    def judge(answer: requests.Response) -> None:
        status, code = answer.status_code, answer.headers.get("X-Error-Code", "")
        page = f"{_endpoint()}/datasets/{parse(uri).repository}"
        if code == "GatedRepo":
            remedy = f"ask for access at {page}, then set HF_TOKEN on driver and executors"
            raise InputError(f"HTTP {status}: the dataset is gated", file=uri, remedy=remedy)
        if code == "RevisionNotFound":
            raise InputError(f"HTTP {status}: the dataset has no such revision", file=uri, remedy=f"look at {page}")
        if status == 401 or code == "RepoNotFound":
            problem = f"HTTP {status}: no such dataset, or it is private and the token does not open it"
            raise InputError(problem, file=uri, remedy="check the name, and HF_TOKEN on driver and executors")
        if status == 403:
            raise InputError("HTTP 403: forbidden", file=uri, remedy="use a token with read access in HF_TOKEN")
        if status >= 400 and status != 404:
            raise InputError(f"HTTP {status} {answer.reason}", file=uri, remedy=f"look at {page}")

    return judge
