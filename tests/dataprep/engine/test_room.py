"""What is said while Spark waits for executors; `tests/system/test_spark_cluster` hears it of a real cluster."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from dataprep.engine.room import Asked, asked_of, mebibytes, page_of, read_page, waiting

MASTER = "spark://head:7077"
BIG = Asked(8192, 2)


def worker(cores: int, free: int, memory: int, memory_free: int, state: str = "ALIVE") -> dict[str, object]:
    return {"cores": cores, "coresfree": free, "memory": memory, "memoryfree": memory_free, "state": state}


def said(*workers: dict[str, object], apps: tuple[dict[str, object], ...] = ()) -> str:
    return waiting(BIG, MASTER, "http://head:8080/json/", {"workers": workers, "activeapps": apps}, "app-1")


@pytest.mark.parametrize(
    ("text", "size"), [("8g", 8192), ("600m", 600), ("2048", 2048), ("1T", 1 << 20), ("512kb", 0), ("4GB", 4096)]
)
def test_sizes_are_read_as_spark_writes_them(text: str, size: int) -> None:
    assert mebibytes(text) == size


def test_an_executor_asks_for_its_memory_and_pythons() -> None:
    assert asked_of({}) == Asked(1024, None)
    settings = {"spark.executor.memory": "4g", "spark.executor.pyspark.memory": "2g", "spark.executor.cores": "3"}
    assert asked_of(settings) == Asked(6144, 3)


def test_the_line_says_what_is_asked_what_there_is_and_what_helps() -> None:
    assert said(worker(4, 4, 4096, 4096), worker(4, 1, 4096, 512)) == (
        "each asks for 2 cores and 8.0 GiB (--executor-cores, --executor-memory); spark://head:7077 has 2 workers, "
        "free: 4 cores of 4 and 4.0 GiB of 4.0 GiB, 1 core of 4 and 512 MiB of 4.0 GiB; it fits on none of them: "
        "ask for less"
    )
    assert said(worker(8, 1, 16384, 16384)).endswith("other applications hold the rest: wait, or ask for less")
    assert said(worker(8, 8, 16384, 16384)).endswith("there is room; the master gives it out soon")
    assert "some are starting" in said(worker(8, 0, 16384, 0), apps=({"id": "app-1", "cores": 8},))
    assert "hold the rest" in said(worker(8, 0, 16384, 0), apps=({"id": "app-2", "cores": 8},))
    assert said(worker(8, 8, 16384, 16384, "DEAD")).endswith("spark://head:7077 has no worker alive: start some")


def test_where_no_page_answers_the_line_says_where_to_look() -> None:
    assert "(http://head:8080/json/)" in waiting(BIG, MASTER, "http://head:8080/json/", None, "app-1")
    assert "(yarn application -list)" in waiting(BIG, "yarn", None, None, "app-1")
    assert "(kubectl get pods)" in waiting(BIG, "k8s://https://head:6443", None, None, "app-1")
    assert page_of("yarn", "") is None
    assert page_of("spark://a:7077,b:7077", "9") == "http://a:9/json/"


@pytest.fixture
def page() -> Iterator[tuple[str, list[bytes]]]:
    """A page, and what it answers next."""
    answers: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answers[-1])

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/json/", answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_only_this_masters_page_is_believed(page: tuple[str, list[bytes]], monkeypatch: pytest.MonkeyPatch) -> None:
    url, answers = page
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")  # a proxy has no business between a driver and its master
    for answer, believed in (({"url": MASTER}, True), ({"url": "spark://other:7077"}, False), ([], False)):
        answers.append(json.dumps(answer).encode())
        assert (read_page(url, MASTER) is not None) is believed
    answers.append(b"<html>")
    assert read_page(url, MASTER) is None
    assert read_page("http://127.0.0.1:1/json/", MASTER) is None
