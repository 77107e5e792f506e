"""A standalone Spark cluster of real processes on loopback: a master and workers, from pyspark's own jars."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyspark

LIMIT_S = 120
_SPARK_CLASS = str(Path(pyspark.__file__).parent / "bin/spark-class")


@dataclass(frozen=True)
class Cluster:
    """A running master."""

    master: str
    page_port: int

    @property
    def options(self) -> list[str]:
        """Options of `spark-submit` for a job on it."""
        return ["--master", self.master, "--conf", f"spark.master.ui.port={self.page_port}"]


@contextmanager
def cluster(folder: Path, workers: int = 2, memory: str = "1g") -> Iterator[Cluster]:
    """Start it, wait until all workers have registered; nothing outlives the block.

    Args:
        folder: for logs; each worker works in a folder of its own below.
        workers: how many, of one core each.
        memory: of a worker.
    """
    port, page = free_port(), free_port()
    environment = {key: value for key, value in os.environ.items() if key not in ("SPARK_SUBMIT_OPTS", "PYTHONPATH")}
    environment |= {"SPARK_LOCAL_IP": "127.0.0.1", "SPARK_DAEMON_MEMORY": "256m"}
    started: list[subprocess.Popen[bytes]] = []

    def start(name: str, *arguments: str) -> None:
        own = folder / name.rpartition(".")[2] / str(len(started))
        own.mkdir(parents=True)
        with (own / "log").open("wb") as log:
            command = [_SPARK_CLASS, f"org.apache.spark.deploy.{name}", "--host", "127.0.0.1", *arguments]
            started.append(
                subprocess.Popen(
                    command, cwd=own, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
                )
            )

    try:
        start("master.Master", "--port", str(port), "--webui-port", str(page))
        await_workers(page, 0)
        for _ in range(workers):
            start("worker.Worker", "-c", "1", "-m", memory, "--webui-port", "0", f"spark://127.0.0.1:{port}")
        await_workers(page, workers)
        yield Cluster(f"spark://127.0.0.1:{port}", page)
    finally:
        for process in reversed(started):
            with suppress(psutil.NoSuchProcess):
                family = psutil.Process(process.pid).children(recursive=True)
                for one in [*family, psutil.Process(process.pid)]:
                    with suppress(psutil.NoSuchProcess):
                        one.kill()
            process.wait()


def await_workers(page: int, count: int) -> None:
    """Wait until the master's page shows `count` live workers."""
    deadline = time.monotonic() + LIMIT_S
    while True:
        with suppress(OSError, ValueError):
            direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with direct.open(f"http://127.0.0.1:{page}/json/", timeout=5) as answer:
                if json.load(answer)["aliveworkers"] >= count:
                    return
        assert time.monotonic() < deadline, "the cluster does not come up"
        time.sleep(0.2)


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
