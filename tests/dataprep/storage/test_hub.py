"""Datasets of a hub on loopback: listed in pages, pinned, read in ranges, through whatever the server does."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import huggingface_hub.constants
import pytest

from common.errors import InputError, StorageError
from dataprep.storage import files, fingerprint, globs, http_client, hub
from dataprep.storage.lines import lines
from tests.helpers.dataset_hub import TOKEN, DatasetHub, Fault, loopback_datasets

DATA = {f"shard_{n}/part-{m}.jsonl": f"{n} {m}\n".encode() * 9 for n in range(3) for m in range(4)}
DATA |= {"README.md": b"# a card", ".gitattributes": b"x", "big.bin": random.Random(1).randbytes(3 << 20), "no": b""}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetHub]:
    slept: list[float] = []
    monkeypatch.setattr(http_client, "_sleep", slept.append)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    files._filesystem.cache_clear()
    with loopback_datasets() as running:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", running.address)
        running.slept = slept  # type: ignore[attr-defined]
        running.push("o/n", DATA)
        yield running
    files._filesystem.cache_clear()


def test_a_glob_is_pinned_to_a_commit_and_lists_every_page(server: DatasetHub) -> None:
    commit = server.branches["o/n", "main"]
    root = f"hf://datasets/o/n@{commit}"
    found = globs.expand(["hf://datasets/o/n/shard_*/*.jsonl"])
    assert found == sorted(f"{root}/{name}" for name in DATA if name.endswith(".jsonl"))
    assert globs.expand(["hf://datasets/o/n@main/shard_1"]) == [f"{root}/shard_1/part-{m}.jsonl" for m in range(4)]
    assert globs.expand(["hf://datasets/o/n"]) == sorted(f"{root}/{name}" for name in DATA if name[0] != ".")
    assert globs.expand([f"hf://datasets/o/n@{commit[:40]}/big.bin"]) == [f"{root}/big.bin"]
    server.push("o/n", {"other": b"x"})
    assert files.read_bytes(found[0]) == DATA["shard_0/part-0.jsonl"], "a moved branch moves no pinned file"
    assert globs.expand(["hf://datasets/o/n/*"]) != found
    server.push("o/n", {"d/c.parquet": b"x"}, "refs/convert/parquet")
    assert globs.expand(["hf://datasets/o/n@refs/convert/parquet/d/*"])[0].endswith("/d/c.parquet")


def test_reads_are_ranges_over_one_redirect_and_every_byte_is_there(server: DatasetHub) -> None:
    [uri] = globs.expand(["hf://datasets/o/n/big.bin"])
    assert files.size(uri) == len(DATA["big.bin"])
    assert fingerprint.fingerprint(uri) == f"hub:{hashlib.sha256(DATA['big.bin']).hexdigest()}"
    server.asked.clear()
    with files.open_input(uri, buffer=1 << 20) as stream:
        assert stream.read() == DATA["big.bin"]
        stream.seek(12345)
        assert stream.read(100) == DATA["big.bin"][12345:12445]
    assert sum("/resolve/" in one for one in server.asked) == 1, "signed addresses are used again"
    [empty] = globs.expand(["hf://datasets/o/n/no"])
    assert files.read_bytes(empty) == b""
    server.asked.clear()
    small = globs.pinned("hf://datasets/o/n/README.md")
    assert files.size(small) == len(files.read_bytes(small)) == len(DATA["README.md"])
    asked = [one.partition(" ")[0] for one in server.asked if "/cdn/" not in one and "/revision/" not in one]
    assert asked == ["HEAD", "GET"], "a small file: its size, and itself"
    assert files.exists("hf://datasets/o/n/shard_1")
    assert not files.exists("hf://datasets/o/n/shard_9")


def test_whatever_passes_is_waited_for_and_costs_no_byte(server: DatasetHub) -> None:
    server.faults += [Fault("/revision/", 503), Fault("cursor=3", 429, {"Retry-After": "7"}), Fault("/tree/", 500)]
    server.faults += [Fault("HEAD ", 502), Fault("GET /datasets", 429, {"Retry-After": "3"})]
    server.faults += [Fault("/cdn/"), Fault("/cdn/", 504), Fault("/cdn/")]
    found = globs.expand(["hf://datasets/o/n/**"])
    assert len(found) == len(DATA) - 1
    data = b"".join(line or b"" for line in lines(next(one for one in found if one.endswith("part-3.jsonl")), 99))
    assert data.startswith(b"0 3")
    server.uses = 2
    server.faults += [Fault("/cdn/"), Fault("/cdn/")]
    with files.open_input(next(one for one in found if one.endswith("big.bin")), buffer=256 << 10) as stream:
        assert stream.read() == DATA["big.bin"], "addresses that expire are asked for again"
    assert server.faults == []
    assert {3.0, 7.0} <= set(server.slept)  # type: ignore[attr-defined]


def test_a_server_that_stays_down_is_failing_storage_and_no_missing_or_damaged_file(server: DatasetHub) -> None:
    [uri] = globs.expand(["hf://datasets/o/n/README.md"])
    server.faults += [Fault("/cdn/", 503)] * 99
    with pytest.raises(StorageError, match=r"README\.md: storage failed \(HTTP 503, 6 times\)"):
        files.read_bytes(uri)
    server.faults[:] = [Fault("/cdn/", 429, {"Retry-After": "4000"})]
    with pytest.raises(StorageError, match="asks to wait 4,000 s"):
        files.read_bytes(uri)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hf://datasets/o/none/x", "HTTP 401: no such dataset, or it is private .*; check the name, and HF_TOKEN"),
        ("hf://datasets/o/secret/a", "HTTP 401: no such dataset, or it is private"),
        ("hf://datasets/o/n@gone/x", "HTTP 404: the dataset has no such revision; look at http.*/datasets/o/n"),
        ("hf://datasets/o/n/none.jsonl", "no file matches; check the path or the glob"),
        ("hf://datasets/o/n/none/*", "no file matches; check the path or the glob"),
        ("hf://o/n/x", r"not an address of a dataset on the hub; write hf://datasets/OWNER/NAME\[@REVISION\]/path"),
        ("hf://datasets/o", "not an address of a dataset on the hub"),
    ],
)
def test_what_cannot_be_had_says_why(server: DatasetHub, address: str, said: str) -> None:
    server.push("o/secret", {"a": b"x"})
    server.private.add("o/secret")
    with pytest.raises(InputError, match=said):
        globs.expand([address])


def test_gated_and_private_datasets(server: DatasetHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    server.push("o/secret", {"a": b"x"})
    server.private.add("o/secret")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    [uri] = globs.expand(["hf://datasets/o/secret/a"])
    assert files.read_bytes(uri) == b"x"
    monkeypatch.delenv("HF_TOKEN")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    assert files.read_bytes(uri) == b"x", "as `hf auth login` leaves it"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    with pytest.raises(InputError, match="HTTP 401"):
        files.read_bytes(uri)
    server.gated.add("o/n")
    with pytest.raises(InputError, match=r"HTTP 403: the dataset is gated; ask for access at http.*then set HF_TOKEN"):
        globs.expand(["hf://datasets/o/n/README.md"])
    with pytest.raises(InputError, match="do not write; use another `out`"):
        files.publish_bytes(b"x", "hf://datasets/o/n/out")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set; unset it"):
        hub.pinned("hf://datasets/o/n/x")


def test_requests_in_flight_are_bounded(server: DatasetHub) -> None:
    found = globs.expand(["hf://datasets/o/n/shard_*/*"])
    server.delay = 0.02
    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(files.read_bytes, found))
    assert 1 < server.most_at_once <= http_client.AT_ONCE
