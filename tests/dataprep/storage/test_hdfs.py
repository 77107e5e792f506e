"""What dataprep does with HDFS: against an address where nobody listens, and (soak) against real servers."""

from __future__ import annotations

import io
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError, StorageError, exit_code
from dataprep.engine.paths import TEMPORARY
from dataprep.engine.progress import Tally
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import PAUSES_S, Receipt, Task, _partition
from dataprep.storage import files, globs, hdfs
from dataprep.storage.buffered_reader import BUFFER
from dataprep.storage.hdfs import Hdfs, _brief
from dataprep.text.config import TextJob
from dataprep.text.read import documents
from tests.helpers.commands import ROOT
from tests.helpers.hadoop import IMPATIENT, Hadoop, free_port, site


@pytest.fixture
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server that does not run, and a client that asks once."""
    site(tmp_path / "conf", {**IMPATIENT, "dfs.client.failover.max.attempts": "0"})
    monkeypatch.setenv("HADOOP_CONF_DIR", str(tmp_path / "conf"))
    files._filesystem.cache_clear()
    yield f"hdfs://127.0.0.1:{free_port()}"
    files._filesystem.cache_clear()


def test_a_server_that_is_gone_is_not_a_missing_file(nobody: str, capsys: pytest.CaptureFixture[str]) -> None:
    for ask in (files.exists, files.size, files.open_input, files.list_files, files.remove, files.remove_tree):
        with pytest.raises(StorageError, match="Connection refused"):
            ask(f"{nobody}/a")
    with pytest.raises(StorageError, match="Connection refused"):
        globs.expand([f"{nobody}/**/*.zst"])

    def main() -> None:
        files.publish_bytes(b"x", f"{nobody}/a")

    assert exit_code(main) == 2
    assert capsys.readouterr().err == f"error: {nobody}/a: storage failed (Connection refused (os error 111))\n"


def test_a_server_that_takes_a_question_and_never_answers(nobody: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdfs, "PATIENCE_S", 0.3)
    with socket.create_server(("127.0.0.1", int(nobody.rpartition(":")[2]))):
        for ask in (files.exists, files.open_input, files.list_files):
            with pytest.raises(StorageError, match=r"no answer in 0\.3 seconds"):
                ask(f"{nobody}/a")
        with pytest.raises(StorageError, match=r"no answer in 0\.3 seconds"):
            files.publish_bytes(b"x", f"{nobody}/a")


def test_a_name_without_an_address(nobody: str) -> None:
    for uri in ("hdfs://cluster/a", "hdfs:///a"):
        with pytest.raises(InputError, match=r"^hdfs://\w*: no address of a NameNode .*; name the NameNode"):
            files.exists(uri)


@pytest.mark.parametrize(
    ("raised", "brief"),
    [
        ('RPCError("org.apache.Denied", "Permission denied: user=a\\n\\tat org.apache")', "Permission denied: user=a"),
        ('DataTransferError("All DataNodes failed: [DatanodeInfoProto { id: 1")', "All DataNodes failed"),
        ('InvalidArgument("No NameNode hosts found")', "No NameNode hosts found"),
        ("/a for client already exists\n\tat org.apache", "/a for client already exists"),
        ("", "RuntimeError"),
    ],
)
def test_the_gist_of_an_error(raised: str, brief: str) -> None:
    assert _brief(RuntimeError(raised)) == brief


class Breaks:
    """A reader whose DataNode goes away after `good` bytes."""

    def __init__(self, data: bytes, good: int) -> None:
        self.data, self.good = data, good

    def __len__(self) -> int:
        return len(self.data)

    def read_range(self, offset: int, length: int) -> bytes:
        if offset + length > self.good:
            raise OSError("Connection reset by peer (os error 104)")
        return self.data[offset : offset + length]


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl.zst"])
def test_storage_that_fails_is_not_a_damaged_file(
    nobody: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, tokenizer_dir: Path, name: str
) -> None:
    pq.write_table(pa.table({"text": [str(row) for row in range(2000)]}), tmp_path / "a.parquet")
    lines = "\n".join(f'{{"text": "{row}"}}' for row in range(2000))
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(lines.encode()))
    data = (tmp_path / name).read_bytes()
    settings = {"inputs": f"{nobody}/{name}", "out": str(tmp_path), "tokenizer": str(tokenizer_dir), "seq_len": 8}
    job = TextJob.model_validate({**settings, "unreadable": "reject"})

    def read(good: int) -> int:
        filesystem = Hdfs(nobody.removeprefix("hdfs://"))
        filesystem._client = SimpleNamespace(read=lambda _: Breaks(data, good))
        monkeypatch.setattr(files, "open_input", lambda _, buffer=0: filesystem.open_input_file(f"/{name}", buffer))
        return len(list(documents(job.inputs[0], job)))

    assert read(len(data)) == 2000
    for good in (0, len(data) // 2, len(data) - 1):
        with pytest.raises(StorageError, match=rf"{nobody}/{name}: storage failed .Connection reset"):
            read(good)


@pytest.mark.parametrize("when", ["work_on", "vouch_for"])
def test_a_task_is_tried_again_when_storage_has_failed(monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("dataprep.engine.tasks._sleep", pauses.append)
    failures = 0

    class Attempts:
        """Does nothing, but for failing at work or with the receipts."""

        def work_on(self, task: Task) -> tuple[str, Receipt, list[str]]:
            self.fail("work_on")
            return task.name, {"rows": 1}, []

        def vouch_for(self, done: object) -> None:
            self.fail("vouch_for")

        def fail(self, now: str) -> None:
            if now == when and len(pauses) < failures:
                raise StorageError("gone", file="hdfs://h/a")

    class Added(list[Tally]):
        add = list[Tally].append

    for failures in range(len(PAUSES_S) + 2):
        pauses.clear()
        tally = Added()
        done = list(_partition(iter([Task("t", None)]), run=Attempts(), tally=tally))  # type: ignore[arg-type]
        assert tuple(pauses) == PAUSES_S[:failures]
        if failures <= len(PAUSES_S):
            assert done == [("t", b'{"rows":1}')]
            assert tally == [Tally(1, 1, 0)]
        else:
            assert done == []
            assert tally[0].errors[0]["problem"] == "storage fails (gone)"


@pytest.mark.soak
def test_odd_names_and_what_is_not_there(hadoop: Hadoop) -> None:
    root = f"{hadoop.uri}/odd"
    names = ["sp ace", "a%20b", "q?", "[x]", "é", "a+b", "#"]
    for name in names:
        files.publish_bytes(name.encode(), f"{root}/{name}/{name}")
    assert files.list_files(root) == sorted(f"{root}/{name}/{name}" for name in names)
    assert [files.read_bytes(uri).decode() for uri in files.list_files(root)] == sorted(names)
    assert files.list_files(f"{root}/none") == []
    assert not files.exists(f"{root}/none")
    for wrong in (f"{root}/none", f"{root}/sp ace"):  # nothing, a directory
        with pytest.raises(InputError, match="no such file"):
            files.size(wrong)
        with pytest.raises(InputError, match="cannot read the file"):
            files.open_input(wrong)
    with pytest.raises(StorageError, match="not a directory"):
        files.publish_bytes(b"", f"{root}/é/é/below a file")
    files.publish_bytes(b"", f"{root}/empty")
    assert (files.size(f"{root}/empty"), files.read_bytes(f"{root}/empty")) == (0, b"")
    files.remove_tree(root)
    assert not files.exists(root)


@pytest.mark.soak
@settings(max_examples=20)
@given(data=st.data())
def test_reads_anywhere_as_a_local_file(hadoop: Hadoop, data: st.DataObject) -> None:
    uri, content = f"{hadoop.uri}/random", np.random.default_rng(1).bytes(3 << 20)
    if not files.exists(uri):
        files.publish_bytes(content, uri)
    with files.open_input(uri) as ours:
        local = io.BytesIO(content)
        assert ours.size() == len(content)
        for _ in range(20):
            if data.draw(st.booleans()):
                position = data.draw(st.integers(0, len(content) + 10))
                assert (ours.seek(position), ours.tell()) == (local.seek(position), local.tell())
            length = data.draw(st.sampled_from([0, 1, 512, BUFFER - 1, BUFFER, 1 << 20, 4 << 20]))
            assert ours.read(length) == local.read(length)


@pytest.mark.soak
def test_publishers_at_the_same_time_and_readers_between(hadoop: Hadoop) -> None:
    uri, stop = f"{hadoop.uri}/race/file", threading.Event()
    versions = [bytes([number]) * (300_000 + number) for number in range(8)]
    files.publish_bytes(versions[0], uri)
    seen = set()

    def look() -> None:
        while not stop.is_set():
            try:
                seen.add(files.read_bytes(uri))
            except StorageError:  # the version that was opened is gone by now
                continue

    with ThreadPoolExecutor(9) as pool:
        reader = pool.submit(look)
        for _ in range(6):
            list(pool.map(lambda version: files.publish_bytes(version, uri), versions))
        stop.set()
        reader.result()
    assert seen <= set(versions)
    assert seen
    assert files.list_files(f"{hadoop.uri}/race") == [uri]


@pytest.mark.soak
def test_a_killed_publisher_leaves_its_rest_in_the_staging_area(hadoop: Hadoop, tmp_path: Path) -> None:
    out = f"{hadoop.uri}/killed"
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from dataprep.storage import files\n"
        "from dataprep.engine.task_workspace import Scratch\n"
        "files.CHUNK = 1000\n"
        "real = files._put\n"
        "def put(filesystem, path, chunks, temporary):\n"
        "    def die():\n"
        "        for number, chunk in enumerate(chunks):\n"
        "            if number == 3:\n"
        "                os.kill(os.getpid(), signal.SIGKILL)\n"
        "            yield chunk\n"
        "    real(filesystem, path, die(), temporary)\n"
        "files._put = put\n"
        "local = Path(sys.argv[2])\n"
        "local.write_bytes(bytes(9000))\n"
        "Scratch(sys.argv[1], local.parent).publish(local, 'shard')\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, out, str(tmp_path / "local")], cwd=ROOT, timeout=100)
    assert ended.returncode == -signal.SIGKILL
    left = files.list_files(out)
    assert len(left) == 1
    assert left[0].startswith(f"{out}/{TEMPORARY}/.shard.")
    (tmp_path / "local").write_bytes(b"again")
    Scratch(out, tmp_path).publish(tmp_path / "local", "shard")
    assert files.read_bytes(f"{out}/shard") == b"again"
    files.remove_tree(f"{out}/{TEMPORARY}")
    assert files.list_files(out) == [f"{out}/shard"]


@pytest.mark.soak
def test_servers_that_stop_and_come_back(hadoop: Hadoop, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"{hadoop.uri}/stopped"
    content = np.random.default_rng(2).bytes(9 << 20)
    files.publish_bytes(content, uri)
    stream = files.open_input(uri)
    assert stream.read(1 << 20) == content[: 1 << 20]
    hadoop.datanode.send_signal(signal.SIGSTOP)
    with pytest.raises(StorageError, match=f"{uri}: storage failed"):
        stream.read()
    hadoop.datanode.send_signal(signal.SIGCONT)
    assert files.read_bytes(uri) == content
    hadoop.datanode.kill()
    hadoop.datanode.wait()
    with pytest.raises(StorageError, match=f"{uri}: storage failed .All DataNodes failed.$"):
        files.read_bytes(uri)
    with pytest.raises(StorageError):
        files.publish_bytes(b"new", uri)
    assert files.size(uri) == len(content)  # the old file is still there
    hadoop.start_datanode()
    hadoop.wait()
    assert files.read_bytes(uri) == content
    hadoop.namenode.send_signal(signal.SIGSTOP)
    with monkeypatch.context() as impatient:
        impatient.setattr(hdfs, "PATIENCE_S", 2)
        with pytest.raises(StorageError, match="no answer in 2 seconds"):
            files.exists(uri)
    hadoop.namenode.send_signal(signal.SIGCONT)
    assert files.exists(uri)
    hadoop.namenode.kill()
    hadoop.namenode.wait()
    with pytest.raises(StorageError, match="Connection refused"):
        files.exists(uri)
    hadoop.start_namenode()
    hadoop.wait()
    assert files.read_bytes(uri) == content
