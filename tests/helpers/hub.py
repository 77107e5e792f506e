"""A model hub on loopback: the part of the Hugging Face hub's API that uploads and downloads of models use."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from common.hub_upload import git_digest
from tests.helpers.served import served

TOKEN = "hf_of-a-test"
COMMIT = "c0" * 20


class Hub(ThreadingHTTPServer):
    """Repositories in memory."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self.objects: dict[str, bytes] = {}
        """Large files by sha256."""
        self.commits: list[str] = []
        """Their messages."""
        self.before_commit: Callable[[], None] = lambda: None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self._say(401, {"error": "Invalid username or password."})
        path = self.path.strip("/").split("/")
        if self.path == "/api/repos/create":
            return self._create(json.loads(body))
        if self.path == "/api/validate-yaml":
            return self._say(200, {"errors": [], "warnings": []})
        ours = path[:2] in (["api", "models"], ["api", "datasets"])
        if ours and path[4] == "preupload":
            held = self.server.repositories["/".join(path[2:4])]
            modes = [
                {
                    "path": one["path"],
                    "uploadMode": _mode(one["path"]),
                    "shouldIgnore": False,
                    "oid": _oid(held, one["path"]),
                }
                for one in json.loads(body)["files"]
            ]
            return self._say(200, {"files": modes})
        if ours and path[4] == "commit":
            self.server.before_commit()
            return self._commit("/".join(path[2:4]), [json.loads(line) for line in body.splitlines()])
        if self.path.endswith(".git/info/lfs/objects/batch"):
            objects = [
                {**one, "actions": {"upload": {"href": f"{self.server.address}/objects/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            return self._say(200, {"transfer": "basic", "objects": objects}, "application/vnd.git-lfs+json")
        return self._say(404, {"error": f"not part of this hub: {self.path}"})

    def do_GET(self) -> None:
        """A listing; a repository that is not there is asked for where making one is refused."""
        path = self.path.partition("?")[0].strip("/").split("/")
        held = self.server.repositories.get("/".join(path[2:4]))
        if held is None:
            return self._say(404, {"error": "Repository not found"})
        if path[4:5] == ["tree"]:
            files = [
                {"type": "file", "path": name, "size": len(data), "oid": _oid(held, name)}
                for name, data in held.items()
            ]
            return self._say(200, files)
        return self._say(
            200, {"id": "/".join(path[2:4]), "sha": COMMIT, "siblings": [{"rfilename": one} for one in held]}
        )

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        oid = self.path.rpartition("/")[2]
        if hashlib.sha256(data).hexdigest() != oid:
            return self._say(400, {"error": "another file"})
        self.server.objects[oid] = data
        return self._say(200, {})

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] == "others":
            return self._say(403, {"error": "You don't have the rights to create a model under this namespace"})
        if name in self.server.repositories:
            return self._say(409, {"error": "You already created this model repo", "url": name})
        self.server.repositories[name] = {}
        if asked.get("private"):
            self.server.private.add(name)
        return self._say(200, {"url": f"{self.server.address}/{name}", "name": name})

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        files = self.server.repositories[name]
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                self.server.commits.append(value["summary"])
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
            else:
                return self._say(400, {"error": f"no such key: {line['key']}"})
        address = f"{self.server.address}/{name}/commit/{COMMIT}"
        return self._say(200, {"commitUrl": address, "commitOid": COMMIT, "success": True})

    def _say(self, status: int, content: Any, kind: str = "application/json") -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _mode(path: str) -> str:
    return "lfs" if path.endswith((".safetensors", ".mds", ".zstd", ".parquet")) else "regular"


def _oid(files: dict[str, bytes], path: str) -> str | None:
    """The digest of a file as the hub states it: of large files, that of their content."""
    if (data := files.get(path)) is None:
        return None
    return hashlib.sha256(data).hexdigest() if _mode(path) == "lfs" else git_digest(data)


@contextmanager
def loopback_hub() -> Iterator[Hub]:
    """A hub that runs while the block does."""
    with served(Hub()) as hub:
        yield hub
