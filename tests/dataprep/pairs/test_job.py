"""The pairs job from tars to what a stock StreamingDataset reads."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.image_text.run import summary
from dataprep.pairs import estimate
from dataprep.pairs.config import PairsJob
from dataprep.pairs.job import describe, run
from dataprep.provenance import row_parts
from dataprep.storage import files
from dataprep.tar.write import write_tar
from schemas import row_provenance
from schemas.manifest import Manifest
from schemas.row_provenance import part_file
from tests.helpers.folders import tree

Picture = Callable[..., bytes]


def settings(inputs: Path, out: Path, tokenizer_dir: Path, **more: Any) -> PairsJob:
    base = {"inputs": str(inputs / "*.tar"), "out": str(out), "tokenizer": str(tokenizer_dir), "seq_len": 64}
    return PairsJob.model_validate({**base, "geometry": {"size": 32, "patch": 16}, "shard_bytes": 20_000, **more})


@pytest.fixture(scope="module")
def tars(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> Path:
    """Two tars with 40 good pairs each, not in uid order, and one bad row of each kind in the first."""
    folder = tmp_path_factory.mktemp("tars")
    for number in range(2):
        members: list[tuple[str, bytes]] = []
        for i in range(40):
            uid = f"{(i * 7) % 40:04x}{number}"
            meta = {
                "uid": uid,
                "url": f"http://a.example/{uid}.jpg",
                "caption": f"web {uid}",
                "syn_text": [f"syn {uid}"],
            }
            kind = ("JPEG", "PNG", "WEBP")[i % 3]
            members += [(f"{i:04}.jpg", picture(i, kind)), (f"{i:04}.json", json.dumps(meta).encode())]
        if number == 0:
            members += [
                ("bad0.jpg", b"<html>"),
                ("bad0.txt", b"html"),
                ("bad1.txt", b"no image"),
                ("bad2.jpg", picture(1)),
                ("bad3.jpg", picture(2)),
                ("bad3.txt", b"long caption " * 20),
                ("bad4.jpg", picture(3)),
                ("bad4.json", b"{"),
                ("../bad5.jpg", picture(3)),
                ("0001.jpg", picture(3)),
                ("bad6.jpg", picture(3)),
                ("bad6.json", b'{"uid": "00000", "caption": "again"}'),
                ("bad7.jpg", picture(3)),
                ("bad7.txt", b"x" * 9000),
            ]
        with open(folder / f"{number}.tar", "wb") as out:
            write_tar(out, members)
    return folder


BAD = {
    "not_an_image": 1,
    "no_image": 1,
    "no_caption": 1,
    "pair_too_long": 1,
    "bad_json": 1,
    "unsafe_name": 1,
    "duplicate_key": 1,
    "duplicate_uid": 1,
    "caption_too_long": 1,
}


@pytest.fixture(scope="module")
def dataset(spark: SparkSession, tars: Path, tokenizer_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pairs") / "out"
    run(spark, settings(tars, out, tokenizer_dir))
    return out


def pairs_in(row: dict[str, Any], manifest: Manifest) -> Iterator[tuple[str, bytes, list[int]]]:
    """(caption ids as text, image, caption ids) of each pair in a sample, by the data contract alone."""
    ids, identity, geometry = row["tokens"].tolist(), manifest.tokenizer, manifest.geometry
    assert geometry is not None
    images = np.split(np.frombuffer(row["images"], np.uint8), np.cumsum(row["image_lengths"])[:-1])
    position = 0
    for image in images:
        assert ids[position : position + geometry.tokens] == [identity.image_id] * geometry.tokens
        end = ids.index(identity.end_of_text_id, position)
        yield "", image.tobytes(), ids[position + geometry.tokens : end]
        position = end + 1
    assert set(ids[position:]) <= {identity.pad_id}


def test_a_list_that_is_no_text_bans_nobody_and_is_refused(
    spark: SparkSession, tars: Path, tmp_path: Path, tokenizer_dir: Path
) -> None:
    pq.write_table(pa.table({"uid": ["00000"]}), tmp_path / "uids.parquet")
    job = settings(tars, tmp_path / "out", tokenizer_dir, banned={"uids": str(tmp_path / "uids.parquet")})
    with pytest.raises(InputError, match=r"uids\.parquet: not a text file but a Parquet file; write one name a line"):
        run(spark, job)


def test_a_stock_reader_gets_every_pair_once_with_its_own_image(
    dataset: Path, tokenizer_dir: Path, picture: Picture, tmp_path: Path
) -> None:
    from streaming import StreamingDataset

    manifest = Manifest.load(dataset)
    decode = tokenizers.Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json")).decode
    found = {}
    for row in StreamingDataset(local=str(dataset), batch_size=1, shuffle=False):
        for _, image, ids in pairs_in(row, manifest):
            found[decode(ids)] = image
    expected = {}
    for number in range(2):
        for i in range(40):
            expected[f"web {(i * 7) % 40:04x}{number}"] = picture(i, ("JPEG", "PNG", "WEBP")[i % 3])
    assert found == expected
    assert len(manifest.shards) > 4


def test_the_manifest_accounts_for_rows_and_tokens(dataset: Path) -> None:
    manifest = Manifest.load(dataset)
    assert (manifest.rows.read, manifest.rows.written, manifest.rows.rejected) == (89, 80, dict(sorted(BAD.items())))
    assert manifest.images == 80
    assert manifest.tokens.visual == 80 * 4
    lines = [json.loads(line) for line in (dataset / "rejects" / "00000.jsonl").read_text().splitlines()]
    assert {line["reason"] for line in lines} == BAD.keys()


def test_provenance_leads_from_a_window_to_its_urls(dataset: Path) -> None:
    import pyarrow.parquet as pq

    rows = pq.read_table(io.BytesIO((dataset / part_file(1)).read_bytes())).to_pylist()
    assert len(rows) == 40
    assert rows[0]["url"] == f"http://a.example/{rows[0]['uid']}.jpg"
    assert {row["caption"] for row in rows} == {"web:0"}
    assert [row["sample"] for row in rows] == sorted(row["sample"] for row in rows)
    manifest = Manifest.load(dataset)
    behind = [row_parts.why(str(dataset), sample) for sample in range(manifest.samples)]
    assert sum(map(len, behind)) == manifest.rows.written
    assert behind[-1][-1]["uid"] == rows[-1]["uid"]
    assert [row["start"] for row in behind[0]] == sorted(row["start"] for row in behind[0])
    with pytest.raises(InputError, match="no sample"):
        row_parts.why(str(dataset), manifest.samples)


def test_a_job_killed_halfway_ends_with_the_same_bytes(
    spark: SparkSession, dataset: Path, tars: Path, tokenizer_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver dies before the manifest; the second run keeps the first one's receipts and finishes."""
    from dataprep.engine import commit

    job = settings(tars, tmp_path / "out", tokenizer_dir)
    with monkeypatch.context() as patched:
        patched.setattr(commit, "commit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(spark, job)
    with pytest.raises(InputError, match="not a finished dataset"):
        Manifest.load(tmp_path / "out")
    (tmp_path / "out" / ".switchpoint" / "pairs" / "00001.json").unlink()
    assert run(spark, job).resumed == "resumed"
    assert run(spark, job).resumed == "finished"
    assert tree(tmp_path / "out") == tree(dataset)


def test_member_order_of_the_input_does_not_matter(
    spark: SparkSession, dataset: Path, tars: Path, tokenizer_dir: Path, tmp_path: Path
) -> None:
    from dataprep.tar.read import samples

    (tmp_path / "in").mkdir()
    data = (tars / "1.tar").read_bytes()
    tar = io.BytesIO(data)
    turned = [(f"{s.key}.{e}", m.read(tar)) for s in reversed(list(samples(tar, ""))) for e, m in s.members.items()]
    for name in "01":
        with open(tmp_path / "in" / f"{name}.tar", "wb") as out:
            write_tar(out, turned)
    done = run(spark, settings(tmp_path / "in", tmp_path / "out", tokenizer_dir))
    assert done.manifest.warnings == ["40 uids occur in more than one tar; `deduplicate: true` keeps the first"]
    first = row_provenance.SHARDS_PER_TASK
    shards = sorted(p.name for p in dataset.glob(f"shard.0{first}*.mds"))
    for name in shards:
        assert (tmp_path / "out" / name).read_bytes() == (dataset / name).read_bytes()


def test_another_seed_in_the_same_directory_is_refused(
    spark: SparkSession, dataset: Path, tars: Path, tokenizer_dir: Path
) -> None:
    with pytest.raises(InputError, match="seed: 0 -> 1"):
        run(spark, settings(tars, dataset, tokenizer_dir, seed=1))


def test_a_damaged_tar_stops_the_job_with_its_name(spark: SparkSession, tokenizer_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.tar").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match=r"cut\.tar"):
        run(spark, settings(tmp_path, tmp_path / "out", tokenizer_dir))


def test_a_dry_run_checks_inputs_and_tokenizer(tars: Path, tokenizer_dir: Path, tmp_path: Path) -> None:
    assert "2 inputs" in describe(settings(tars, tmp_path / "out", tokenizer_dir))
    assert not files.exists(str(tmp_path / "out"))
    with pytest.raises(InputError, match="no file matches"):
        describe(settings(tmp_path, tmp_path / "out", tokenizer_dir))


def test_nothing_written_is_no_success(spark: SparkSession, tars: Path, tokenizer_dir: Path, tmp_path: Path) -> None:
    narrow = settings(tars, tmp_path / "out", tokenizer_dir, geometry={"size": 384, "patch": 14})
    for attempt in (lambda: describe(narrow), lambda: run(spark, narrow)):
        with pytest.raises(InputError, match=r"seq_len: 64 ids are no room .* takes 729; use at least 731"):
            attempt()
    assert not (tmp_path / "out").exists()
    none = settings(tars, tmp_path / "out", tokenizer_dir, where="width > 100000")
    for _ in range(2):
        with pytest.raises(InputError, match=r"out: nothing was written: rows rejected: where 81, .*; check `where`"):
            run(spark, none)
        assert not (tmp_path / "out" / "manifest.json").exists()
    assert run(spark, settings(tars, tmp_path / "out", tokenizer_dir)).manifest.rows.written == 80


def test_the_report_says_where_every_row_went(dataset: Path) -> None:
    page = (dataset / "report.html").read_text()
    assert "89 rows read: 80 written, 9 rejected with a reason, 0 unaccounted" in page
    for reason in BAD:
        assert f"<td>{reason}</td><td>1</td>" in page
    assert "<td>web</td><td>80</td><td>100.00%</td>" in page
    assert page.count("<svg") == 2


def test_the_plan_of_a_small_job_is_what_it_makes(
    dataset: Path, tars: Path, tokenizer_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataprep.__main__ import main

    (tmp_path / "job.yaml").write_text(json.dumps(settings(tars, tmp_path / "out", tokenizer_dir).model_dump()))
    assert main(["plan", str(tmp_path / "job.yaml")]) == 0
    printed = capsys.readouterr().out
    assert "about 89 rows, 10.1% of them rejected" in printed
    assert "80 images" in printed
    assert not (tmp_path / "out").exists()
    wide = settings(tars, tmp_path / "out", tokenizer_dir, seq_len=2048, geometry={"size": 384, "patch": 14})
    (tmp_path / "job.yaml").write_text(json.dumps(wide.model_dump()))
    assert main(["plan", str(tmp_path / "job.yaml")]) == 0
    assert re.search(r"warning: about 2\d% of .* 2 whole pairs of 729 image tokens", capsys.readouterr().out)
    assert "warning: about 27% of positions" in describe(wide)


def test_what_is_held_out_is_a_dataset_of_its_own_whatever_the_tars_are(
    spark: SparkSession,
    tars: Path,
    tokenizer_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Tar 0 and 1 show the same pictures: a picture is on one side, and in other tars on the same."""
    from dataprep.__main__ import main
    from dataprep.engine import commit
    from dataprep.tar.read import samples

    job = settings(tars, tmp_path / "out", tokenizer_dir, held_out="25%")
    commits, published = [], commit.commit

    def killed_before_the_second(out: str, folder: str, *rest: Any) -> None:
        commits.append(folder)
        if not folder:
            raise KeyboardInterrupt
        published(out, folder, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(commit, "commit", killed_before_the_second)
        with pytest.raises(KeyboardInterrupt):
            run(spark, job)
    assert commits == ["held_out", ""]
    assert not (tmp_path / "out/manifest.json").exists()
    (tmp_path / "out" / ".switchpoint" / "pairs" / "00001.json").unlink()
    done = run(spark, job)
    assert done.resumed == "resumed"
    assert f"held out: {done.manifest.rows.rejected['held_out']} rows in {job.out}/held_out" in summary(done, job.out)
    whole, held = Manifest.load(tmp_path / "out"), Manifest.load(tmp_path / "out/held_out")
    assert (held.rows.read, held.rows.rejected, held.plan) == (held.rows.written, {}, whole.plan)
    assert whole.rows.rejected == dict(sorted((BAD | {"held_out": held.rows.written}).items()))
    assert whole.rows.written + held.rows.written == 80
    shown = {side: pictures_of(tmp_path / "out" / side) for side in (".", "held_out")}
    assert len(shown["held_out"]) == held.rows.written > 5
    assert not set(shown["."].values()) & set(shown["held_out"].values())
    assert main(["verify", job.out, "--decode"]) == 0
    assert [line.partition(": sound")[0] for line in capsys.readouterr().out.splitlines()] == [
        job.out,
        f"{job.out}/held_out",
    ]

    (tmp_path / "in").mkdir()  # the same rows in one tar, turned round
    members = []
    for name in "10":
        tar = io.BytesIO((tars / f"{name}.tar").read_bytes())
        rows = [(f"{name}{s.key}", s) for s in samples(tar, "") if s.key.startswith("00") and "json" in s.members]
        members += [(f"{key}.{e}", m.read(tar)) for key, s in reversed(rows) for e, m in s.members.items()]
    with open(tmp_path / "in/all.tar", "wb") as out:
        write_tar(out, members)
    run(spark, settings(tmp_path / "in", tmp_path / "again", tokenizer_dir, held_out=0.25))
    assert {side: pictures_of(tmp_path / "again" / side) for side in shown} == shown

    uid = next(iter(shown["held_out"]))
    before = (tmp_path / "out/index.json").read_bytes()
    assert main(["remove", job.out, "--uid", uid]) == 0
    said = capsys.readouterr().out
    assert f"{job.out}: no row matches" in said
    assert f"{job.out}/held_out: 1 rows with 1 images were replaced" in said
    assert (tmp_path / "out/index.json").read_bytes() == before
    assert pictures_of(tmp_path / "out/held_out").keys() == shown["held_out"].keys() - {uid}
    assert main(["verify", job.out]) == 0
    assert main(["why", f"{job.out}/held_out", "0"]) == 0
    assert "uid=" in capsys.readouterr().out


def test_a_uid_with_other_pictures_in_two_tars_is_on_one_side(
    spark: SparkSession, tokenizer_dir: Path, tmp_path: Path, picture: Picture
) -> None:
    for tar in range(2):
        rows = [(f"{n}.jpg", picture(n + 30 * tar)) for n in range(30)]
        texts = [(f"{n}.json", json.dumps({"uid": f"u{n}", "caption": "web"}).encode()) for n in range(30)]
        with open(tmp_path / f"{tar}.tar", "wb") as out:
            write_tar(out, [member for pair in zip(rows, texts, strict=True) for member in pair])
    done = run(spark, settings(tmp_path, tmp_path / "out", tokenizer_dir, held_out=0.4))
    assert done.manifest.rows.rejected["duplicate_uid"] == 30
    uids = [pictures_of(tmp_path / "out" / side).keys() for side in (".", "held_out")]
    assert not uids[0] & uids[1]
    assert len(uids[0] | uids[1]) == 30


def test_a_share_that_chooses_no_row_or_all_is_told(
    spark: SparkSession, tars: Path, tokenizer_dir: Path, tmp_path: Path
) -> None:
    few = settings(tars, tmp_path / "out", tokenizer_dir, held_out=1e-9)
    with pytest.raises(InputError, match=r"out: held_out: no row was held out: 1e-09 of 80 rows chose none; raise it"):
        run(spark, few)
    most = settings(tars, tmp_path / "out", tokenizer_dir, held_out=1 - 1e-12)
    with pytest.raises(InputError, match=r"nothing was written: rows rejected: held_out 80, .*; lower `held_out`"):
        run(spark, most)
    quarter = settings(tars, tmp_path / "out", tokenizer_dir, held_out=0.25)
    for said in (describe(quarter), estimate.describe(quarter)):
        assert "held out: 25.00% of rows -> " in said


def pictures_of(dataset: Path) -> dict[str, bytes]:
    """The picture of each uid of a dataset, as provenance and a stock reader have them."""
    from streaming import StreamingDataset

    found: dict[str, bytes] = {}
    for number, row in enumerate(StreamingDataset(local=str(dataset), batch_size=1, shuffle=False)):
        images = np.split(np.frombuffer(row["images"], np.uint8), np.cumsum(row["image_lengths"])[:-1])
        if len(row["image_lengths"]):
            uids = [str(uid) for uid in row_parts.uids(str(dataset), number)]
            found |= dict(zip(uids, [image.tobytes() for image in images], strict=True))
    return found
