"""Processes of the download die in the middle of it, a fifth of the URLs are hostile; every row is accounted for.

Small here; `SWITCHPOINT_HOSTILE_URLS=5000 pytest -s` of this file is the same with 5,000 URLs, and prints the counts.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dataprep.download.client.reasons import TRANSIENT
from dataprep.tar.read import samples
from tests.helpers.folders import tree
from tests.helpers.killing import kill_executor, kill_tree, receipts, submit, wait_for, working
from tests.helpers.stranger import HOSTILE, ODD, Stranger, running

pytestmark = pytest.mark.soak
URLS = int(os.environ.get("SWITCHPOINT_HOSTILE_URLS", "260"))
SHARDS = 4
LIMIT_S = 570


@pytest.fixture(scope="module")
def server() -> Iterator[Stranger]:
    """Our own, so that what it was asked for is this file's doing."""
    with running() as stranger:
        yield stranger


@pytest.fixture(scope="module")
def world(server: Stranger, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with the metadata, and what each uid must end as: every fifth URL is hostile, every tenth odd."""
    folder = tmp_path_factory.mktemp("hostile")
    hostile, odd = list(HOSTILE), list(ODD)
    rows, expected = [], {}
    for n in range(URLS):
        name = f"{n:08x}"
        if n % 5 == 0:
            path = hostile[n // 5 % len(hostile)]
            expected[name] = HOSTILE[path]
        else:
            path = odd[n // 10 % len(odd)] if n % 10 == 3 else f"good/{n}"
            expected[name] = "success"
        rows.append({"uid": name, "url": server.url(path), "text": f"caption {n}"})
    pq.write_table(pa.Table.from_pylist(rows), folder / "metadata.parquet")
    assert set(expected.values()) == {"success", *HOSTILE.values()}
    return folder, expected


def settings(folder: Path, out: str) -> dict[str, Any]:
    # Time-outs that a drip cannot outlast and a loaded machine can bear; it is always the total that runs out, so that
    # what a line says of it does not depend on the moment.
    times = {
        "timeout": 12,
        "total_timeout": 10,
        "retries": 0,
        "threads": 24,
        "host_connections": None,
        "host_failures": None,
    }
    where = {"metadata": str(folder / "metadata.parquet"), "out": str(folder / out)}
    images = {"max_bytes": 300_000, "max_pixels": 50_000_000}
    return {**where, **times, "images": images, "rows_per_shard": -(-URLS // SHARDS), "allow_addresses": ["127.0.0.1"]}


def check(out: Path, expected: dict[str, str]) -> None:
    """Report, lines and tars say the same of every uid, and it is what had to happen."""
    lines = [row for path in sorted(out.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert len(lines) == len(expected)
    assert {line["uid"]: line["reason"] or line["status"] for line in lines} == expected
    uids: list[str] = []
    for path in sorted(out.glob("*.tar")):
        with open(path, "rb") as tar:
            uids += [orjson.loads(one.members["json"].read(tar))["uid"] for one in samples(tar, str(path))]
    assert sorted(uids) == sorted(name for name, outcome in expected.items() if outcome == "success")
    counts = Counter(expected.values())
    success = counts.pop("success")
    report = json.loads((out / "download.json").read_text())
    assert report["uids"] == {
        "read": len(expected),
        "success": success,
        "failed": dict(sorted(counts.items())),
        "may_pass": sum(count for reason, count in counts.items() if reason in TRANSIENT),
        "unaccounted": 0,
    }
    assert (out / "download.html").exists()


def test_the_driver_is_killed_twice(world: tuple[Path, dict[str, str]], server: Stranger) -> None:
    folder, expected = world
    out, job = folder / "driver", settings(folder, "driver")
    began = time.monotonic()
    with submit("download", job, "local[2]") as process:
        wait_for(process, lambda: working(out, "download"))
        kill_tree(process)
    assert not (out / "download.json").exists()
    with submit("download", job, "local[1]") as process:
        wait_for(process, lambda: receipts(out, "download") >= 2)
        kill_tree(process)
    assert not (out / "download.json").exists()
    done = {path.stem for path in (out / ".switchpoint/download").glob("[!.]*.json")}
    vouched = {row["url"] for name in done for row in pq.read_table(out / f"{name}.parquet").to_pylist()}
    server.requests.clear()
    with submit("download", job, "local[2]") as process:
        assert process.wait(LIMIT_S) == 0
    asked = {server.url(path.lstrip("/")) for path in server.requests}
    redirected_to = {server.url("good/9"), server.url("good/1")}
    assert not {url for url in vouched - redirected_to if url.startswith(server.url("good/"))} & asked
    check(out, expected)
    print(
        json.dumps(
            {"seconds": round(time.monotonic() - began, 1), **json.loads((out / "download.json").read_text())["uids"]}
        )
    )


def test_an_executor_is_killed(world: tuple[Path, dict[str, str]]) -> None:
    folder, expected = world
    out = folder / "executor"
    with submit("download", settings(folder, "executor"), "local-cluster[2,1,1024]") as process:
        wait_for(process, lambda: receipts(out, "download") >= 1 and working(out, "download"))
        kill_executor(process)
        assert process.wait(LIMIT_S) == 0
    check(out, expected)
    if (folder / "driver/download.json").exists():
        assert tree(out) == tree(folder / "driver")
