"""A real HDFS on loopback: a NameNode and a DataNode of Hadoop 2.7, as processes that can be stopped and killed.

`SWITCHPOINT_HADOOP` names the folder of their jars: `scripts/hadoop.sh FOLDER` fetches them, `make hadoop` does so for
`make soak`. Ports are the system's choice; every file lies in the folder given. The client's patience is cut to seconds
by the `hdfs-site.xml` that `HADOOP_CONF_DIR` leads to.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

JARS = os.environ.get("SWITCHPOINT_HADOOP", "")
LIMIT_S = 120
_SERVER = "org.apache.hadoop.hdfs.server"
_LOG4J = """log4j.rootLogger=INFO,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{HH:mm:ss} %p %c{1}: %m%n
"""
IMPATIENT = {"dfs.client.failover.max.attempts": "2", "dfs.client.socket-timeout": "3000"}
"""Two tries instead of 15 (three minutes), three seconds of silence instead of 60."""


def site(folder: Path, settings: Mapping[str, str]) -> None:
    """Write `hdfs-site.xml`."""
    folder.mkdir(parents=True, exist_ok=True)
    properties = (f"<property><name>{name}</name><value>{value}</value></property>" for name, value in settings.items())
    (folder / "hdfs-site.xml").write_text(f"<configuration>{''.join(properties)}</configuration>")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class Hadoop:
    """The two servers."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.uri = folder, f"hdfs://127.0.0.1:{free_port()}"
        authority = self.uri.removeprefix("hdfs://")
        anywhere = {f"dfs.{name}": "127.0.0.1:0" for name in ("namenode.http-address", "datanode.address")}
        anywhere |= {f"dfs.datanode.{name}": "127.0.0.1:0" for name in ("ipc.address", "http.address")}
        disks = {"name": "namenode.name.dir", "data": "datanode.data.dir"}
        settings = {
            "fs.defaultFS": self.uri,
            "dfs.namenode.rpc-address": authority,
            **anywhere,
            **{f"dfs.{key}": str(folder / name) for name, key in disks.items()},
            "hadoop.tmp.dir": str(folder / "tmp"),
            "dfs.replication": "1",
            "dfs.webhdfs.enabled": "false",  # needs a library that is not among the jars
            "dfs.namenode.safemode.extension": "0",
        }
        self.configuration = folder / "server"
        site(self.configuration, settings)
        (self.configuration / "log4j.properties").write_text(_LOG4J)
        for pages in ("hdfs", "datanode"):  # the servers will not start without the folders of their web pages
            (self.configuration / "webapps" / pages).mkdir(parents=True)
        with open(folder / "format.log", "wb") as log:
            format_disk = self._command("namenode.NameNode", "-format", "-force")
            subprocess.run(format_disk, stdout=log, stderr=log, timeout=LIMIT_S, check=True)
        self.namenode = self._start("namenode.NameNode")
        self.datanode = self._start("datanode.DataNode")

    def _command(self, server: str, *arguments: str) -> list[str]:
        small = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.net.preferIPv4Stack=true"]
        return ["java", *small, "-cp", f"{self.configuration}:{JARS}/*", f"{_SERVER}.{server}", *arguments]

    def _start(self, server: str) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HADOOP", "HDFS"))}
        with open(self.folder / f"{server}.log", "ab") as log:
            return subprocess.Popen(self._command(server), stdout=log, stderr=log, env=environment)

    def start_namenode(self) -> None:
        """After it was killed."""
        self.namenode = self._start("namenode.NameNode")

    def start_datanode(self) -> None:
        """After it was killed."""
        self.datanode = self._start("datanode.DataNode")

    def wait(self) -> None:
        """Until a file can be written."""
        from hdfs_native import Client, WriteOptions

        deadline = time.monotonic() + LIMIT_S
        while True:
            assert self.namenode.poll() is None
            assert self.datanode.poll() is None
            try:
                writer = Client(self.uri).create("/.ready", WriteOptions(overwrite=True))
                writer.write(b"x")
                writer.close()
                return
            except (OSError, RuntimeError):
                assert time.monotonic() < deadline
                time.sleep(0.2)

    def kill(self) -> None:
        """Both."""
        for server in (self.datanode, self.namenode):
            server.kill()
            server.wait()


@contextmanager
def running(folder: Path) -> Iterator[Hadoop]:
    """Servers that answer, and a client that is not patient; skips the test where there are no jars."""
    if not JARS:
        pytest.skip("SWITCHPOINT_HADOOP names no folder with Hadoop's jars (scripts/hadoop.sh fetches them)")
    with pytest.MonkeyPatch.context() as patch:
        site(folder / "client", IMPATIENT)
        patch.setenv("HADOOP_CONF_DIR", str(folder / "client"))
        servers = Hadoop(folder)
        try:
            servers.wait()
            yield servers
        finally:
            servers.kill()
