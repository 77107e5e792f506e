"""The conversations job from LLaVA's JSON to what a stock StreamingDataset reads."""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tokenizers
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.job import describe, run
from dataprep.provenance import row_parts
from dataprep.verify import verify
from schemas.conversation_format import IMAGE_TOKEN
from schemas.manifest import Manifest
from tests.helpers import killing
from tests.helpers.folders import tree

Picture = Callable[..., bytes]
SPECIAL = "a <|endoftext|> b 日本 é"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, picture: Picture) -> Path:
    """40 rows with a picture (some of another kind than their name), 10 of text alone, and bad ones."""
    root = tmp_path_factory.mktemp("llava")
    (root / "images" / "coco").mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    for i in range(40):
        name = f"coco/{i:03}.jpg"
        (root / "images" / name).write_bytes(picture(i, ("JPEG", "PNG", "GIF", "WEBP")[i % 4]))
        turns = [("human", f"<image>\nWhat is {i}?"), ("gpt", f"It is {i}."), ("human", "And?"), ("gpt", SPECIAL)]
        rows.append({"id": f"{i}", "image": name, "conversations": [{"from": f, "value": v} for f, v in turns]})
    for i in range(10):
        turns = [("human", f"Say {i}"), ("gpt", f"{i}")]
        rows.append({"id": f"t{i}", "model": "", "conversations": [{"from": f, "value": v} for f, v in turns]})
    (root / "images" / "coco" / "cut.jpg").write_bytes(picture(1)[:200])
    one = rows[0]["conversations"]
    rows += [
        {"id": "m", "image": "coco/none.jpg", "conversations": one},
        {"id": "c", "image": "coco/cut.jpg", "conversations": one},
        {"id": "u", "image": "../llava.json", "conversations": one},
        {"id": "a", "image": "coco/000.jpg", "conversations": one[:1]},
        {"id": "l", "conversations": [{"from": "human", "value": "long " * 200}, {"from": "gpt", "value": "no"}]},
    ]
    (root / "llava.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1))
    return root


def settings(world: Path, out: Path, tokenizer_dir: Path, **more: Any) -> ConversationsJob:
    base = {"inputs": str(world / "llava.json"), "image_root": str(world / "images"), "tokenizer": str(tokenizer_dir)}
    shape = {"seq_len": 160, "geometry": {"size": 32, "patch": 16}, "rows_per_task": 30, "shard_bytes": 20_000}
    return ConversationsJob.model_validate({**base, **shape, "out": str(out), **more})


@pytest.fixture(scope="module")
def dataset(spark: SparkSession, world: Path, tokenizer_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("conversations") / "out"
    run(spark, settings(world, out, tokenizer_dir))
    return out


def test_a_stock_reader_gets_every_conversation_with_its_mask_and_picture(
    dataset: Path, tokenizer_dir: Path, picture: Picture
) -> None:
    from streaming import StreamingDataset

    manifest = Manifest.load(dataset)
    identity = manifest.tokenizer
    assert manifest.conversation is not None
    assert manifest.conversation.end_of_turn_id == identity.image_id + 1
    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json"))
    tokenizer.add_special_tokens([IMAGE_TOKEN, str(manifest.conversation.end_of_turn)])
    decode = tokenizer.decode
    found: dict[str, tuple[str, bytes]] = {}
    for row in StreamingDataset(local=str(dataset), batch_size=1, shuffle=False):
        ids, mask = row["tokens"].astype(int), row["loss_mask"].astype(bool)
        assert len(ids) == len(mask) == 160
        images = iter(np.split(np.frombuffer(row["images"], np.uint8), np.cumsum(row["image_lengths"])[:-1]))
        start = 0
        for end in np.flatnonzero(ids == identity.end_of_text_id) + 1:
            one, bears = ids[start:end], mask[start:end]
            visual = int((one == identity.image_id).sum())
            assert visual in (0, 4)
            assert (one[:visual] == identity.image_id).all()
            assert bears[-1]
            text = decode(one[visual:-1].tolist(), skip_special_tokens=False)
            found[text] = (
                decode(one[:-1][bears[:-1]].tolist(), skip_special_tokens=False),
                next(images).tobytes() if visual else b"",
            )
            start = end
        assert (ids[start:] == identity.pad_id).all()
        assert not mask[start:].any()
    special = unicodedata.normalize("NFC", SPECIAL)
    expected = {
        f"USER: What is {i}?\nASSISTANT: It is {i}.<end_of_turn>USER: And?\nASSISTANT: {special}<end_of_turn>": (
            f" It is {i}.<end_of_turn> {special}<end_of_turn>",
            picture(i, ("JPEG", "PNG", "GIF", "WEBP")[i % 4]),
        )
        for i in range(40)
    }
    expected |= {f"USER: Say {i}\nASSISTANT: {i}<end_of_turn>": (f" {i}<end_of_turn>", b"") for i in range(10)}
    assert found == expected


def test_the_manifest_accounts_for_every_row(dataset: Path) -> None:
    manifest = Manifest.load(dataset)
    assert (manifest.rows.read, manifest.rows.written, manifest.images) == (55, 50, 40)
    codes = ("conversation_too_long", "image_truncated", "missing_image", "turns_do_not_alternate", "unsafe_image_path")
    assert manifest.rows.rejected == dict.fromkeys(codes, 1)
    assert manifest.tokens.visual == 160
    lines = [json.loads(line) for line in (dataset / "rejects" / "00001.jsonl").read_text().splitlines()]
    assert {line["row"] for line in lines} == {f"row {number}" for number in range(50, 55)}


def test_a_second_run_with_a_lost_receipt_gives_the_same_bytes(
    spark: SparkSession,
    dataset: Path,
    world: Path,
    tokenizer_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dataprep.engine import commit

    job = settings(world, tmp_path / "out", tokenizer_dir)
    with monkeypatch.context() as patched:
        patched.setattr(commit, "commit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(spark, job)
    (tmp_path / "out" / ".switchpoint" / "conversations" / "00001.json").unlink()
    assert run(spark, job).resumed == "resumed"
    assert tree(tmp_path / "out") == tree(dataset)


@pytest.mark.parametrize("shape", ["lines", "parquet"])
def test_lines_and_parquet_with_pictures_give_the_shards_of_the_array(
    spark: SparkSession, world: Path, tokenizer_dir: Path, dataset: Path, tmp_path: Path, shape: str
) -> None:
    rows = json.loads((world / "llava.json").read_text())
    more: dict[str, Any] = {"inputs": str(tmp_path / "rows")}
    if shape == "lines":
        (tmp_path / "rows").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    else:
        for row in rows:
            if path := row.get("image"):
                file = world / "images" / path
                row["image"] = {
                    "bytes": file.read_bytes() if file.is_file() and ".." not in path else None,
                    "path": path,
                }
        table = pa.Table.from_pylist([{"image": None, **row} for row in rows])
        pq.write_table(table, tmp_path / "rows", row_group_size=15)
        more |= {"image_root": None}
        said = describe(settings(world, tmp_path / "out", tokenizer_dir, **more))
        assert "2 tasks" in said
        assert "images inside the inputs" in said
    manifest = run(spark, settings(world, tmp_path / "out", tokenizer_dir, **more)).manifest
    same = Manifest.load(dataset)
    assert (manifest.rows, manifest.tokens, manifest.images) == (same.rows, same.tokens, same.images)
    assert manifest.content == same.content
    assert verify(str(tmp_path / "out"))[1] == []


def test_a_dry_run_finds_a_damaged_input(world: Path, tokenizer_dir: Path, tmp_path: Path) -> None:
    assert "2 tasks" in describe(settings(world, tmp_path, tokenizer_dir))
    (tmp_path / "cut.json").write_bytes((world / "llava.json").read_bytes()[:-20])
    with pytest.raises(InputError, match="cut off"):
        describe(settings(world, tmp_path, tokenizer_dir, inputs=str(tmp_path / "cut.json")))


def test_text_only_keeps_the_conversations_and_leaves_the_images_out(
    spark: SparkSession, world: Path, tokenizer_dir: Path, dataset: Path, tmp_path: Path
) -> None:
    run(spark, settings(world, tmp_path / "out", tokenizer_dir, text_only=True))
    with_images, without = Manifest.load(dataset), Manifest.load(tmp_path / "out")
    assert without.rows == with_images.rows
    assert (without.images, without.tokens.visual) == (0, 0)
    assert without.tokens.text == with_images.tokens.text
    assert with_images.tokens.visual > 0


def test_the_plan_of_a_small_job_and_banned_ids(
    spark: SparkSession, world: Path, tokenizer_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataprep.__main__ import main

    (tmp_path / "ids.txt").write_text("3\nt4\n")
    job = settings(world, tmp_path / "out", tokenizer_dir, banned={"uids": str(tmp_path / "ids.txt")})
    (tmp_path / "job.yaml").write_text(json.dumps(settings(world, tmp_path / "out", tokenizer_dir).model_dump()))
    assert main(["plan", str(tmp_path / "job.yaml")]) == 0
    assert "about 55 rows, 9.1% of them rejected" in capsys.readouterr().out
    manifest = run(spark, job).manifest
    assert (manifest.rows.written, manifest.rows.rejected["banned_uid"]) == (48, 2)
    with pytest.raises(ValueError, match="no URLs"):
        settings(world, tmp_path / "out", tokenizer_dir, banned={"hosts": ["a.example"]})


def test_paths_of_the_settings_are_those_of_the_process_that_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job = settings(Path("data"), Path("out"), Path("words"), image_root="./images")
    monkeypatch.chdir("/")
    assert (job.image_root, job.out, job.tokenizer) == tuple(
        str(tmp_path / name) for name in ("images", "out", "words")
    )


@pytest.mark.soak
def test_a_relative_path_is_the_drivers_whatever_the_executors_working_directory(
    world: Path, tokenizer_dir: Path, tmp_path: Path
) -> None:
    """Workers of a `local-cluster` run each in a folder of its own, as those of a cluster do."""
    (tmp_path / "data").symlink_to(world)
    (tmp_path / "words").symlink_to(tokenizer_dir)
    job = settings(Path("data"), Path("out"), Path("words"), inputs="data/llava.json").model_dump(mode="json")
    job |= {"image_root": "data/images", "out": "out", "tokenizer": "words"}
    with killing.submit("conversations", job, "local-cluster[2,1,1024]", tmp_path / "job.yaml") as process:
        status = process.wait(killing.LIMIT_S)
    assert status == 0, (tmp_path / "job.log").read_text()
    assert Manifest.load(tmp_path / "out").rows.written == 50


def test_nothing_written_is_no_success_and_may_be_mended_in_place(
    spark: SparkSession, world: Path, tokenizer_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="none: image_root: no such folder; give the folder that"):
        describe(settings(world, out, tokenizer_dir, image_root=str(tmp_path / "none")))
    (tmp_path / "empty").mkdir()
    rows = [row for row in json.loads((world / "llava.json").read_text()) if row["id"].isdigit()]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    shape: dict[str, Any] = {"inputs": str(tmp_path / "rows.json")}
    elsewhere = settings(world, out, tokenizer_dir, image_root=str(tmp_path / "empty"), **shape)
    for _ in range(2):  # what was found is found again: no receipt of the first run stays
        with pytest.raises(InputError, match="out: nothing was written: rows rejected: missing_image 40; check"):
            run(spark, elsewhere)
        assert len((out / "rejects" / "00000.jsonl").read_text().splitlines()) == 30
        assert not (out / "manifest.json").exists()
    (tmp_path / "empty").rmdir()
    (tmp_path / "empty").symlink_to(world / "images")
    assert run(spark, elsewhere).manifest.rows.written == 40
    assert not (out / "rejects").exists()
    with pytest.raises(InputError, match=r"rows rejected: conversation_too_long 40; raise `seq_len`"):
        run(spark, settings(world, tmp_path / "short", tokenizer_dir, seq_len=5, **shape))
    assert run(spark, settings(world, tmp_path / "short", tokenizer_dir, **shape)).manifest.rows.written == 40
    (tmp_path / "rows.json").write_text("[]")
    with pytest.raises(InputError, match="nothing was written: the inputs hold no rows"):
        run(spark, settings(world, tmp_path / "none", tokenizer_dir, **shape))


def test_no_picture_and_no_text_is_on_both_sides(
    spark: SparkSession, tokenizer_dir: Path, tmp_path: Path, picture: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows 0 to 39 show 20 pictures, each under two names; 40 to 44 show two of them; 30 rows have 15 texts."""
    from dataprep.__main__ import main

    (tmp_path / "images").mkdir()
    for n in range(40):
        (tmp_path / f"images/{n}.jpg").write_bytes(picture(n % 20))

    def row(n: int, text: str, *images: str) -> dict[str, Any]:
        said = [{"from": "human", "value": "<image>" * len(images) + text}, {"from": "gpt", "value": "Yes."}]
        return {"id": f"r{n}", "conversations": said, **({"image": list(images)} if images else {})}

    rows = [row(n, f"What is {n}?", f"{n}.jpg") for n in range(40)]
    rows += [row(n, "Which?", f"{n - 40}.jpg", f"{n - 39}.jpg") for n in range(40, 45)]
    rows += [row(n, f"Say {n % 15}.") for n in range(45, 75)]
    found: list[list[set[str]]] = []
    for part, cut in enumerate([[rows], [rows[50:], rows[49:0:-1], rows[:1]]]):  # as one file, and as three
        (folder := tmp_path / f"in{part}").mkdir()
        for number, some in enumerate(cut):
            (folder / f"{number}.json").write_text(json.dumps(some))
        more: dict[str, Any] = {"inputs": str(folder / "*.json"), "text_only": bool(part), "rows_per_task": 20}
        job = settings(tmp_path, tmp_path / f"out{part}", tokenizer_dir, held_out="40%", **more)
        assert "held out: 40.00% of rows" in describe(job)
        done = run(spark, job)
        assert run(spark, job).resumed == "finished"
        assert main(["verify", job.out]) == 0
        assert capsys.readouterr().out.count("sound") == 2
        held = Manifest.load(tmp_path / f"out{part}/held_out")
        assert done.manifest.rows.rejected == {"held_out": held.rows.written}
        assert done.manifest.rows.written + held.rows.written == 75
        assert (held.images > 0) == (not part)
        found.append([_ids_of(tmp_path / f"out{part}" / side) for side in (".", "held_out")])
    assert found[0] == found[1]
    shown = [{_shown(int(one[1:])) for one in side} for side in found[0]]
    assert all(len(side) > 3 for side in shown)
    assert not shown[0] & shown[1]


def _shown(row: int) -> str:
    """The picture, or the text, of a row of the test above; pictures 0 to 5 are tied together."""
    if row >= 45:
        return f"text {row % 15}"
    return "tied" if row >= 40 or row % 20 <= 5 else f"picture {row % 20}"


def _ids_of(dataset: Path) -> set[str]:
    samples = Manifest.load(dataset).samples
    return {row["id"] for sample in range(samples) for row in row_parts.why(str(dataset), sample)}
