"""A hub of datasets on loopback: the part of the Hugging Face hub's API that listing and reading use, and its faults.

Listings come in pages, files by a redirect to signed addresses that expire, in ranges. Faults are scripted: the next
request whose path holds a given word is answered with an error or cut off in the middle; all may be late.
"""

from __future__ import annotations

import functools
import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

from tests.helpers.served import served

TOKEN = "hf_of-a-test"
PAGE = 3
"""Entries of a page of a listing."""


class Fault(NamedTuple):
    """What happens to the next request whose path holds `where`."""

    where: str
    status: int = 0
    """0: the body is cut off in the middle."""
    headers: dict[str, str] = {}


class DatasetHub(ThreadingHTTPServer):
    """Repositories in memory: commits by name, files by commit."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, dict[str, dict[str, bytes]]] = {}
        """By repository, commit and path."""
        self.branches: dict[tuple[str, str], str] = {}
        """Commit of each revision."""
        self.private: set[str] = set()
        self.gated: set[str] = set()
        self.faults: list[Fault] = []
        self.weather: Callable[[str], Fault | None] = lambda request: None
        """What else happens to a request (METHOD path), beside `faults`."""
        self.uses = 10**9
        """Requests that a signed address is good for."""
        self.used: dict[str, int] = {}
        self.asked: list[str] = []
        """METHOD path, of every request."""
        self.at_once = self.most_at_once = 0
        self.delay = 0.0
        self.ranges = True
        """Whether parts of files are served."""
        self.lock = threading.Lock()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def push(self, name: str, files: dict[str, bytes], revision: str = "main") -> str:
        """Make `files` the content of a revision; returns the commit."""
        commit = hashlib.sha1(json.dumps({path: data.hex() for path, data in files.items()}).encode()).hexdigest()
        self.files.setdefault(name, {})[commit] = files
        self.branches[name, revision] = commit
        return commit


class _Handler(BaseHTTPRequestHandler):
    server: DatasetHub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        hub = self.server
        with hub.lock:
            hub.asked.append(f"{self.command} {self.path}")
            hub.at_once += 1
            hub.most_at_once = max(hub.most_at_once, hub.at_once)
            fault = next((one for one in hub.faults if one.where in f"{self.command} {self.path}"), None)
            if fault:
                hub.faults.remove(fault)
            else:
                fault = hub.weather(f"{self.command} {self.path}")
        try:
            time.sleep(hub.delay)
            self._answer(fault)
        finally:
            with hub.lock:
                hub.at_once -= 1

    def do_HEAD(self) -> None:
        """As GET, without a body."""
        self.do_GET()

    def do_POST(self) -> None:
        """As GET."""
        self.do_GET()

    def _answer(self, fault: Fault | None) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if fault and fault.status:
            return self._say(fault.status, b"{}", fault.headers)
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        if parts[0] == "cdn":
            return self._file(parts, url.query, cut=fault is not None)
        if parts[:2] == ["api", "datasets"]:
            name, verb, revision, path = "/".join(parts[2:4]), parts[4], parts[5], "/".join(parts[6:])
        else:
            name, verb, revision, path = "/".join(parts[1:3]), parts[3], parts[4], "/".join(parts[5:])
        hub = self.server
        known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        if name not in hub.files or (name in hub.private and not known):
            return self._say(401 if not known else 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        if name in hub.gated and verb == "resolve":
            return self._say(403, b"{}", {"X-Error-Code": "GatedRepo"})
        commit = revision if revision in hub.files[name] else hub.branches.get((name, revision))
        if commit is None:
            return self._say(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        files = hub.files[name][commit]
        if verb == "revision":
            return self._json({"id": name, "sha": commit})
        if verb == "tree":
            return self._tree(files, path, url)
        if verb == "paths-info":
            return self._json([one for one in _entries(files) if one["path"] in json.loads(body)["paths"]])
        if path not in files:
            return self._say(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        oid = _digest(files[path])
        to = f"{hub.address}/cdn/{name}/{commit}/{quote(path)}?signature={len(hub.asked)}"
        linked = {"X-Linked-Size": str(len(files[path])), "X-Linked-ETag": f'"{oid}"', "X-Repo-Commit": commit}
        return self._say(302, b"", {"Location": to, **linked})

    def _tree(self, files: dict[str, bytes], path: str, url: Any) -> None:
        found = [one for one in _entries(files) if not path or one["path"].startswith(f"{path}/")]
        if not found:
            return self._say(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        query = parse_qs(url.query)
        first = int(query.get("cursor", ["0"])[0])
        rest = f"{self.server.address}{url.path}?recursive=True&expand=False&cursor={first + PAGE}"
        link = {"Link": f'<{rest}>; rel="next"'} if first + PAGE < len(found) else {}
        return self._json(found[first : first + PAGE], link)

    def _file(self, parts: list[str], signature: str, *, cut: bool) -> None:
        hub = self.server
        hub.used[signature] = hub.used.get(signature, 0) + 1
        if hub.used[signature] > hub.uses:
            self._say(403, b"expired")
            return
        data = hub.files["/".join(parts[1:3])][parts[3]].get("/".join(parts[4:]))
        if data is None:
            self._say(404, b"")
            return
        tag = {"ETag": f'"{_digest(data)}"'}
        if self.headers.get("If-Match", tag["ETag"]) != tag["ETag"]:
            self._say(412, b"")
            return
        if "Range" not in self.headers or not hub.ranges:
            self._say(200, data, tag)
            return
        first, last = (int(end) for end in self.headers["Range"].removeprefix("bytes=").split("-"))
        if first >= len(data):
            self._say(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        part = data[first : last + 1]
        headers = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(data)}"}
        self._say(206, part[: len(part) // 2] if cut else part, headers, length=len(part))
        self.close_connection = cut

    def _json(self, value: Any, headers: dict[str, str] | None = None) -> None:
        self._say(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            with suppress(ConnectionError):  # the client has read enough
                self.wfile.write(body)


@functools.lru_cache(64)
def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _entries(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """Files and folders, as a listing has them."""
    folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    entries = [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders]
    entries += [{"type": "file", "path": path, "oid": "0" * 40, "size": len(data)} for path, data in files.items()]
    return sorted(entries, key=lambda one: str(one["path"]))


def bad_weather(dice: random.Random, share: float) -> Callable[[str], Fault | None]:
    """Faults that strike a share of all requests at random: limits, errors, and bodies of files that are cut off."""

    def strikes(request: str) -> Fault | None:
        if dice.random() >= share:
            return None
        kinds = [Fault("", 429, {"Retry-After": "1"}), Fault("", 429), Fault("", 500), Fault("", 503)]
        return dice.choice([*kinds, Fault("")] if "GET /cdn/" in request else kinds)

    return strikes


@contextmanager
def loopback_datasets() -> Iterator[DatasetHub]:
    """A hub of datasets that runs while the block does."""
    with served(DatasetHub()) as hub:
        yield hub
