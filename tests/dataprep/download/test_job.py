"""The download job against a hostile loopback server: every row accounted for, canonical bytes, nothing done twice."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.download import shard
from dataprep.download.client.reasons import TRANSIENT
from dataprep.download.config import DownloadJob
from dataprep.download.extract import SCHEMA
from dataprep.download.fetch_pool import Spool
from dataprep.download.job import describe, run
from dataprep.engine.task_workspace import Scratch
from dataprep.tar.read import samples
from dataprep.tar.write import write_tar
from tests.helpers.folders import tree
from tests.helpers.stranger import HOSTILE

Picture = Callable[..., bytes]
GOOD = 60
REFUSED = {path: reason for path, reason in HOSTILE.items() if reason != "timeout"}
"""Time-outs are tested where the clock is (`test_fetch`) and where time does not matter (`test_killed_download`)."""


def uid(number: int) -> str:
    return hashlib.md5(str(number).encode()).hexdigest()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, stranger: Any, picture: Picture) -> Path:
    """60 good rows, every hostile one, a duplicate, two unusable, three that no tar has; the tars have five more."""
    folder = tmp_path_factory.mktemp("inputs")
    urls = [stranger.url(f"good/{i}") for i in range(GOOD)] + [stranger.url(path) for path in REFUSED]
    rows = [
        {"uid": uid(i), "url": url, "text": f"web {i}", "sha256": None, "clip_l14_similarity_score": 0.5}
        for i, url in enumerate(urls)
    ]
    rows[0]["sha256"] = hashlib.sha256(picture(0)).hexdigest()
    rows[1]["sha256"] = "0" * 64
    rows += [{**rows[5], "url": "http://zzz.example/"}, {**rows[5], "uid": ""}, {**rows[5], "uid": "x", "url": None}]
    rows += [{**rows[5], "uid": uid(1000 + i)} for i in range(3)]
    schema = pa.schema(
        [(n, pa.string()) for n in ("uid", "url", "text", "sha256")] + [("clip_l14_similarity_score", pa.float32())]
    )
    for part in range(2):
        pq.write_table(pa.Table.from_pylist(rows[part::2], schema), folder / f"{part}.parquet")
    in_tars = [*range(len(urls)), *range(2000, 2005)]
    for part in range(2):
        members: list[tuple[str, bytes]] = []
        for i in in_tars[part::2]:
            members += [
                (f"{uid(i)}.url.txt", b"http://elsewhere.example/"),
                (f"{uid(i)}.syn.json", json.dumps({"syn_text": [f"syn {i} {n}" for n in range(5)]}).encode()),
                (f"{uid(i)}.pth.gz", b"cos\nsystem\n(S'exit 1'\ntR."),
                (f"{uid(i)}.json", json.dumps({"uid": uid(i), "sha256": ""}).encode()),
            ]
        with open(folder / f"{part}.tar", "wb") as out:
            write_tar(out, members)
    return folder


def settings(inputs: Path, out: Path, **more: Any) -> DownloadJob:
    base = {"metadata": str(inputs / "*.parquet"), "dr": str(inputs / "*.tar"), "out": str(out), "rows_per_shard": 30}
    limits = {"max_bytes": 300_000}
    times = {"timeout": 60, "total_timeout": 120, "retries": 1, "backoff": 0.01, "threads": 8}
    return DownloadJob.model_validate({**base, **times, "images": limits, "allow_addresses": ["127.0.0.1"], **more})


@pytest.fixture(scope="module")
def finished(
    spark: SparkSession, inputs: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("download") / "out"
    return out, run(spark, settings(inputs, out))


def table(out: Path) -> dict[str, dict[str, Any]]:
    rows = [row for path in sorted(out.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    assert len({row["uid"] for row in rows}) == len(rows)
    return {row["uid"]: row for row in rows}


def test_every_row_ends_in_exactly_one_place(finished: tuple[Path, dict[str, Any]]) -> None:
    out, report = finished
    reasons = list(REFUSED.values())
    assert report["uids"] == {
        "read": GOOD + len(REFUSED),
        "success": GOOD,
        "failed": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        "may_pass": sum(reason in TRANSIENT for reason in reasons),
        "unaccounted": 0,
    }
    assert report["input_rows"] == {
        "read": GOOD + len(REFUSED) + 6 + GOOD + len(REFUSED) + 5,
        "rejected": {"bad_row": 2, "duplicate_uid": 1, "not_in_dr": 3, "not_in_metadata": 5},
    }
    rows = table(out)
    for number, (path, reason) in enumerate(REFUSED.items()):
        row = rows[uid(GOOD + number)]
        assert (row["status"], row["reason"]) == ("failed", reason), path
    assert report["hosts"]["127.0.0.1"]["success"] == GOOD
    assert report["hashes"] == {"match": 1, "mismatch": 1, "unknown": GOOD - 2}
    assert rows[uid(0)]["hash_match"] is True
    assert rows[uid(1)]["hash_match"] is False


def test_tars_hold_untouched_images_with_both_captions(finished: tuple[Path, dict[str, Any]], picture: Picture) -> None:
    seen = set()
    for path in sorted(finished[0].glob("*.tar")):
        with open(path, "rb") as tar:
            found = list(samples(tar, str(path)))
            metas = [orjson.loads(sample.members["json"].read(tar)) for sample in found]
            assert [meta["uid"] for meta in metas] == sorted(meta["uid"] for meta in metas)
            for sample, meta in zip(found, metas, strict=True):
                number = int(meta["url"].rpartition("/")[2])
                assert meta["uid"] == uid(number)
                assert sample.members["jpg"].read(tar) == picture(number)
                assert sample.members["txt"].read(tar) == f"web {number}".encode()
                assert meta["syn_text"] == [f"syn {number} {n}" for n in range(5)]
                assert (meta["width"], meta["height"], meta["key"]) == (64, 48, sample.key)
                seen.add(number)
    assert seen == set(range(GOOD))


def test_a_killed_job_fetches_only_what_is_missing_and_ends_with_the_same_bytes(
    spark: SparkSession,
    finished: tuple[Path, dict[str, Any]],
    inputs: Path,
    tmp_path: Path,
    stranger: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dataprep.download import job as module

    job = settings(inputs, tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(module, "make_report", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(spark, job)
    receipts = sorted((tmp_path / "out" / ".switchpoint" / "download").glob("*.json"))
    assert len(receipts) == 4
    lost = receipts[0].stem
    receipts[0].unlink()
    (tmp_path / "out" / f"{lost}.tar").unlink()
    stranger.requests.clear()
    run(spark, job)
    in_lost = len(pq.read_table(tmp_path / "out" / f"{lost}.parquet"))
    assert 0 < len(set(stranger.requests) - {"/loop/again"}) <= 2 * in_lost  # a redirect makes one more
    assert tree(tmp_path / "out") == tree(finished[0])
    stranger.requests.clear()
    run(spark, job)
    assert stranger.requests == []


def test_rows_that_img2dataset_drops_silently_are_found(
    finished: tuple[Path, dict[str, Any]], inputs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer fails once for every third row, for one row always: the former come back, the latter has a reason."""
    rows = pa.concat_tables(pq.read_table(path) for path in sorted(finished[0].glob("*.parquet")))
    pq.write_table(rows.select(SCHEMA.names), tmp_path / "rows.parquet")
    monkeypatch.setattr(shard, "shard_file", lambda _: "rows.parquet")
    write, calls = Spool.write, list[str]()

    def failing(self: Any, image: Any, key: str, caption: Any, meta: dict[str, Any]) -> None:
        calls.append(meta["uid"])
        if (calls.count(meta["uid"]) == 1 and len(calls) % 3 == 0) or meta["uid"] == uid(7):
            raise OSError("disk")
        write(self, image, key, caption, meta)

    monkeypatch.setattr(Spool, "write", failing)
    (tmp_path / "scratch").mkdir()
    receipt = shard.download((0, 1), Scratch(str(tmp_path), tmp_path / "scratch"), settings(inputs, tmp_path), 1)
    assert receipt["rows"] == GOOD + len(REFUSED)
    assert receipt["written"] == GOOD - 1
    assert receipt["rejected"]["dropped"] == 1


def test_a_later_run_tries_only_what_may_pass_and_adds_it_once(
    spark: SparkSession, tmp_path: Path, stranger: Any, picture: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two shards; one host is down at first. The second round is killed between its files and its receipt."""
    urls = [stranger.url(f"good/{n}") for n in range(8)] + [stranger.url(f"later/{n}") for n in range(100, 108)]
    urls.append(stranger.url("status/404"))
    rows = [{"uid": uid(n), "url": url, "text": f"web {n}"} for n, url in enumerate(urls)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    job = settings(tmp_path, tmp_path / "out", dr=[], rows_per_shard=9)
    monkeypatch.setattr(stranger, "down", True)
    first = run(spark, job)
    assert first["uids"]["failed"] == {"http_5xx": 8, "http_gone": 1}
    assert (first["rounds"], first["uids"]["may_pass"]) == (1, 8)
    tars = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.tar")}

    monkeypatch.setattr(stranger, "down", False)
    stranger.requests.clear()
    assert run(spark, job) == first
    assert stranger.requests == []

    again = settings(tmp_path, tmp_path / "out", dr=[], rows_per_shard=9, rounds=2, timeout=60)
    second = run(spark, again)
    assert sorted(stranger.requests) == [f"/later/{n}" for n in range(100, 108)]
    assert second["uids"] == {"read": 17, "success": 16, "failed": {"http_gone": 1}, "may_pass": 0, "unaccounted": 0}
    assert {name: (tmp_path / "out" / name).read_bytes() for name in tars} == tars
    calm = tree(tmp_path / "out")

    for lost in ("download.json", *(f".switchpoint/download-2/{n:05}.json" for n in range(2))):
        (tmp_path / "out" / lost).unlink()
    stranger.requests.clear()
    assert run(spark, again) == second
    assert sorted(stranger.requests) == [f"/later/{n}" for n in range(100, 108)]
    assert tree(tmp_path / "out") == calm

    lines = table(tmp_path / "out")
    assert sorted(line["round"] for line in lines.values()) == [1] * 9 + [2] * 8
    seen: list[str] = []
    for path in sorted((tmp_path / "out").glob("*.tar")):
        with open(path, "rb") as tar:
            for sample in samples(tar, str(path)):
                meta = orjson.loads(sample.members["json"].read(tar))
                assert lines[meta["uid"]]["key"] == meta["key"] == sample.key
                assert sample.members["jpg"].read(tar) == picture(int(meta["url"].rpartition("/")[2]))
                seen.append(meta["uid"])
    assert sorted(seen) == sorted(uid(n) for n in range(16))
    assert {one["name"] for one in second["files"]} == {
        *(f"{n:05}{suffix}" for n in range(2) for suffix in (".tar", "-r2.tar", ".parquet"))
    }


def test_the_page_shows_reasons_hosts_and_pictures_and_fetches_nothing(finished: tuple[Path, dict[str, Any]]) -> None:
    text = (finished[0] / "download.html").read_text()
    for part in ("unaccounted: 0", "too_many_pixels", "127.0.0.1", "mismatch", "Contact sheet", "Addresses that were"):
        assert part in text
    assert text.count('<img src="data:image/jpeg;base64,') >= 12
    assert "http://" not in text.replace("http://www.w3.org", "")


@pytest.mark.parametrize("side", ["metadata", "dr"])
def test_either_input_alone_is_enough(
    spark: SparkSession, inputs: Path, tmp_path: Path, side: str, stranger: Any
) -> None:
    other = "dr" if side == "metadata" else "metadata"
    only = tmp_path / "one.tar"
    with open(only, "wb") as out:
        write_tar(out, [(f"{uid(1)}.url.txt", stranger.url("good/1").encode()), (f"{uid(1)}.json", b"{}")])
    more = {other: [], "dr": str(only)} if side == "dr" else {other: []}
    report = run(spark, settings(inputs, tmp_path / "out", **more))
    assert report["uids"]["success"] == (1 if side == "dr" else GOOD + 3)


def test_a_hash_that_differs_can_be_a_reject(spark: SparkSession, inputs: Path, tmp_path: Path) -> None:
    report = run(spark, settings(inputs, tmp_path / "out", on_hash_mismatch="reject"))
    assert report["uids"]["failed"]["hash_mismatch"] == 1


def test_inputs_that_are_not_what_they_should_be_are_named(spark: SparkSession, tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": ["http://a.example/"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: no column uid"):
        run(spark, settings(tmp_path, tmp_path / "out", dr=[]))
    (tmp_path / "a.tsv.gz").write_bytes(gzip.compress(b"uid\turl\n"))
    with pytest.raises(InputError, match=r"a\.tsv\.gz: no column URL; it has uid, url"):
        run(spark, settings(tmp_path, tmp_path / "out", dr=[], metadata=str(tmp_path / "*.gz"), columns={"url": "URL"}))
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"a\.parquet: not a readable Parquet"):
        run(spark, settings(tmp_path, tmp_path / "out2", dr=[]))


def test_nothing_fetched_is_no_success(spark: SparkSession, stranger: Any, tmp_path: Path) -> None:
    """A table without rows, rows without URL, two subsets that share no uid, addresses that are not dialled."""
    strings = pa.schema([(name, pa.string()) for name in ("uid", "url", "text")])

    def metadata(*rows: dict[str, Any]) -> DownloadJob:
        pq.write_table(pa.Table.from_pylist(list(rows), strings), tmp_path / "a.parquet")
        return settings(tmp_path, tmp_path / "out", dr=[])

    with pytest.raises(InputError, match=r"a\.parquet: metadata: no rows"):
        describe(metadata())
    with pytest.raises(InputError, match="out: nothing was written: the inputs hold no rows"):
        run(spark, metadata())
    with pytest.raises(InputError, match="nothing was written: rows rejected: bad_row 1; check that the rows have"):
        run(spark, metadata({"uid": uid(1), "url": None, "text": "t"}))
    good = {"uid": uid(1), "url": stranger.url("good/1"), "text": "t"}
    with open(tmp_path / "dr.tar", "wb") as tar:
        write_tar(tar, [(f"{uid(2)}.json", json.dumps({"uid": uid(2), "syn_text": ["s"]}).encode())])
    with pytest.raises(InputError, match="rejected: not_in_dr 1, not_in_metadata 1; give `metadata` and"):
        run(spark, metadata(good).model_copy(update={"dr": [str(tmp_path / "dr.tar")]}))
    with pytest.raises(InputError, match="nothing was written: URLs rejected: address 1; name the networks that"):
        run(spark, metadata(good).model_copy(update={"allow_addresses": []}))
    assert not (tmp_path / "out" / "download.json").exists()
    gone = metadata({**good, "url": "http://127.0.0.1:9/"}).model_copy(update={"out": str(tmp_path / "gone")})
    with pytest.raises(InputError, match="nothing was written: URLs rejected: connect 1; set `rounds: 2`"):
        run(spark, gone)
    with pytest.raises(InputError, match="connect 1; set `rounds: 3`"):
        run(spark, gone.model_copy(update={"rounds": 2}))


def test_a_dry_run_says_how_much_how_polite_and_what_is_not_refused(inputs: Path, tmp_path: Path) -> None:
    text = describe(settings(inputs, tmp_path / "out", host_rate=2.5, robots_txt=True, rounds=3))
    rows = GOOD + len(REFUSED) + 6
    for part in ("2 metadata files, 2 DataComp-DR tars", f"{rows} rows, at most 4 shards", "2.5 requests", "rounds: 3"):
        assert part in text
    assert "kept to" in text
    assert "NOT REFUSED: 127.0.0.1" in text
    assert "NOT REFUSED" not in describe(settings(inputs, tmp_path / "out", allow_addresses=[]))
    (tmp_path / "a.csv").write_bytes(b"uid,url\n1,http://a.example/\n")
    lists = [str(inputs / "*.parquet"), str(tmp_path / "a.csv")]
    said = describe(settings(inputs, tmp_path / "out", metadata=lists))
    assert f"\n{rows} rows and those of 1 text files, which are not counted beforehand\n" in said
    (tmp_path / "a.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(InputError, match=r"a\.parquet: not a readable Parquet"):
        describe(settings(tmp_path, tmp_path / "out", dr=[]))
