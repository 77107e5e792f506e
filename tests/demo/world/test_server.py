"""The server serves the pictures, misbehaves as told, and stops when told."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pyarrow.parquet as pq
import pytest

from common.errors import InputError
from demo import pipeline
from demo.world.build import build
from demo.world.server import SLOW_SECONDS, WorldServer, serving
from demo.world.world import DefectKind, Options, World


@pytest.fixture(scope="module")
def base(world_root: Path) -> Iterator[str]:
    with serving(world_root, port=0) as url:
        yield url


def _path(world: World, kind: DefectKind) -> str:
    path = world.of_kind(kind)[0].path
    assert path is not None
    return path


def test_every_sound_picture(base: str, world_root: Path, world: World) -> None:
    defective = {defect.key for defect in world.defects}
    for file in (world_root / "pairs" / "metadata").iterdir():
        for row in pq.read_table(file).to_pylist():
            if row["uid"] in defective:
                continue
            path = urlsplit(row["url"]).path
            with urlopen(base + path, timeout=10) as response:
                body = response.read()
                assert response.headers["Content-Type"] == ("image/png" if path.endswith("png") else "image/jpeg")
                assert int(response.headers["Content-Length"]) == len(body)
            assert hashlib.sha256(body).hexdigest() == row["sha256"]


def test_not_found(base: str, world: World) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(base + _path(world, "not_found"), timeout=10)
    assert caught.value.code == 404
    caught.value.close()


def test_html(base: str, world: World) -> None:
    with urlopen(base + _path(world, "html"), timeout=10) as response:
        assert response.status == 200
        assert response.headers.get_content_type() == "text/html"
        assert response.read().startswith(b"<!doctype html>")


def test_truncated_body(base: str, world: World) -> None:
    with (
        urlopen(base + _path(world, "truncated_body"), timeout=10) as response,
        pytest.raises(http.client.IncompleteRead),
    ):
        response.read()


def test_redirect(base: str, world: World, world_root: Path) -> None:
    path = _path(world, "redirect")
    with urlopen(base + path, timeout=10) as response:
        assert response.geturl() != base + path
        assert response.read() == (world_root / "images" / urlsplit(response.geturl()).path[1:]).read_bytes()


def test_slow(base: str, world: World) -> None:
    started = time.monotonic()
    with urlopen(base + _path(world, "slow"), timeout=10) as response:
        assert response.status == 200
    assert time.monotonic() - started >= SLOW_SECONDS


def test_slow_urls_hold_nobody_up(base: str, world: World) -> None:
    host = urlsplit(base)
    waiting = http.client.HTTPConnection(host.hostname or "", host.port or 0, timeout=10)
    waiting.request("GET", _path(world, "slow"))
    started = time.monotonic()
    with urlopen(base + _path(world, "html"), timeout=10) as response:
        response.read()
    assert time.monotonic() - started < SLOW_SECONDS / 2
    assert waiting.getresponse().status == 200
    waiting.close()


def test_head(base: str, world: World) -> None:
    host = urlsplit(base)
    connection = http.client.HTTPConnection(host.hostname or "", host.port or 0, timeout=10)
    connection.request("HEAD", _path(world, "html"))
    response = connection.getresponse()
    assert response.status == 200
    assert int(response.headers["Content-Length"]) > 0
    assert response.read() == b""
    connection.close()


@pytest.mark.parametrize(
    "path",
    ["/../world.json", "/%2e%2e/world.json", "/pairs/../../world.json", "/..%2fworld.json", "//etc/passwd",
     "/%2fetc/passwd", "/%00", "/", "/pairs", "/pairs/moved/..", "/pairs/moved/ffff"],
)  # fmt: skip
def test_nothing_but_pictures(base: str, path: str) -> None:
    host = urlsplit(base)
    connection = http.client.HTTPConnection(host.hostname or "", host.port or 0, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    assert response.status == 404
    assert b"options" not in response.read()
    connection.close()


def test_a_taken_port_is_named_with_the_remedy(world_root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=rf"port {port} on 127\.0\.0\.1 is taken; wait"):
            WorldServer(world_root, port)


def test_of_two_demos_with_one_port_the_second_says_so_in_one_line(
    world_root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "world").symlink_to(world_root)
    with contextlib.ExitStack() as held:
        with contextlib.suppress(InputError):  # taken by somebody else: all the better
            held.enter_context(serving(world_root))
        with pytest.raises(InputError, match=r"is taken; wait until another demo has ended"):
            held.enter_context(pipeline.images(tmp_path, {}, wanted=True))
    assert capfd.readouterr().err == ""


def test_no_world(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no world here"), serving(tmp_path):
        pass


def test_the_command_serves_until_sigterm(tmp_path: Path, options: Options) -> None:
    root = tmp_path / "world"
    world = build(root, options.model_copy(update={"documents": 16, "seed": 13}))
    assert world is not None
    command = [sys.executable, "-m", "demo.world.server", str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert f"http://127.0.0.1:{world.port}" in ready
        with urlopen(f"http://127.0.0.1:{world.port}{_path(world, 'html')}", timeout=10) as response:
            assert response.status == 200
        second = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert second.returncode == 2
        assert second.stderr.startswith(f"error: port {world.port}")
        assert second.stderr.count("\n") == 1
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=10)
        assert (process.returncode, errors) == (0, "")
    finally:
        process.kill()
