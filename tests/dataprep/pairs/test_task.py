"""Hostile captions and tars through a whole task: each has its outcome, none makes an id that text must not."""

from __future__ import annotations

import io
import json
import resource
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from common.errors import InputError
from dataprep.engine.checksums import Checksums
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.image_text.settings import TaskSpec, task_spec
from dataprep.mds.read import fixed_column
from dataprep.pairs.config import PairsJob
from dataprep.pairs.task import work
from dataprep.provenance import row_parts
from dataprep.tar.write import write_tar
from tests.helpers.pictures import saved

Picture = Callable[..., bytes]
SPECIAL = ("<|endoftext|>", "<|padding|>", "<image>", "a <|endoftext|><|endoftext|>b <image> <|padding|>c")


def spec_of(tokenizer_dir: Path, **more: Any) -> TaskSpec:
    base = {"inputs": "*.tar", "out": "unused", "tokenizer": str(tokenizer_dir), "seq_len": 128}
    job = PairsJob.model_validate({**base, "geometry": {"size": 32, "patch": 16}, **more})
    return task_spec(job, masked=False)


def pack(folder: Path, spec: TaskSpec, members: list[tuple[str, bytes]]) -> tuple[Receipt, list[list[int]]]:
    """The receipt, and the caption ids of each pair in the order of uids."""
    folder.mkdir(exist_ok=True)
    with open(folder / "0.tar", "wb") as out:
        write_tar(out, members)
    receipt = work((0, str(folder / "0.tar")), Scratch(str(folder / "out"), folder), spec)
    assert receipt["rows"] == receipt["written"] + sum(receipt["rejected"].values())
    windows = [
        ids
        for shard in receipt["shards"]
        for ids in fixed_column((folder / "out" / shard["name"]).read_bytes(), shard["entry"], "tokens")
    ]
    table, captions = row_parts.read_part(Checksums(str(folder / "out")), 0).to_pylist(), {}
    identity = spec.tokenizer.identity
    stacked = np.concatenate([np.empty((0, 128), np.uint16), *windows])
    assert (stacked == identity.end_of_text_id).sum() == (stacked == identity.image_id).sum() // 4 == len(table)
    for row in table:
        ids = stacked[row["sample"], row["start"] : row["start"] + row["tokens"]].tolist()
        assert ids[:4] == [identity.image_id] * 4
        assert ids[-1] == identity.end_of_text_id
        captions[row["uid"]] = ids[4:-1]
    return receipt, [captions[uid] for uid in sorted(captions)]


def test_captions_that_spell_special_tokens_are_text(tokenizer_dir: Path, tmp_path: Path, picture: Picture) -> None:
    members = [m for n, text in enumerate(SPECIAL) for m in ((f"{n}.jpg", picture(n)), (f"{n}.txt", text.encode()))]
    spec = spec_of(tokenizer_dir)
    _, captions = pack(tmp_path, spec, members)
    decode = tokenizers.Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json")).decode
    assert [decode(ids, skip_special_tokens=False) for ids in captions] == list(SPECIAL)
    special = {spec.tokenizer.identity.end_of_text_id, spec.tokenizer.identity.pad_id, spec.tokenizer.identity.image_id}
    assert not special & {one for ids in captions for one in ids}


@given(captions=st.lists(st.text(st.characters(codec=None), max_size=40) | st.sampled_from(SPECIAL), max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_caption_is_written_or_rejected_and_makes_no_special_id(
    tokenizer_dir: Path, tmp_path: Path, picture: Picture, captions: list[str]
) -> None:
    members = [
        member
        for n, text in enumerate(captions)
        for member in ((f"{n:02}.jpg", picture(1)), (f"{n:02}.txt", text.encode("utf-8", "surrogatepass")))
    ]
    receipt, written = pack(tmp_path / "any", spec_of(tokenizer_dir), members)
    assert receipt["rows"] == len(captions)
    assert set(receipt["rejected"]) <= {"no_caption", "pair_too_long"}
    assert len(written) == receipt["written"]


@pytest.mark.parametrize(
    ("caption", "reason"),
    [(b"", "no_caption"), (b"\0\0 \t", "no_caption"), (b"x" * 100_000, "caption_too_long"), (b"a\0b", None)],
    ids=["empty", "nothing but NUL", "100 kB", "NUL inside"],
)
def test_odd_captions_have_a_defined_outcome(
    tokenizer_dir: Path, tmp_path: Path, picture: Picture, caption: bytes, reason: str | None
) -> None:
    receipt, captions = pack(tmp_path, spec_of(tokenizer_dir), [("0.jpg", picture(1)), ("0.txt", caption)])
    assert receipt["rejected"] == ({reason: 1} if reason else {})
    decode = tokenizers.Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json")).decode
    assert [decode(ids) for ids in captions] == ([] if reason else ["a b"])


def test_hostile_tars_lose_their_bad_rows_and_nothing_else(
    tokenizer_dir: Path, tmp_path: Path, picture: Picture
) -> None:
    good, members = picture(1), []
    for key in ("../../escape", "/etc/absolute", "C:/drive", "twice", "fine"):
        members += [(f"{key}.jpg", good), (f"{key}.txt", key.encode())]
    members += [("twice.jpg", good), ("twice.txt", b"again"), ("alone.txt", b"no picture"), ("bare.jpg", good)]
    members += [
        ("lies.jpg", b"\x89PNG\r\n\x1a\n<script>"),
        ("lies.txt", b"a lie"),
        ("svg.png", b"<svg/>"),
        ("svg.txt", b"s"),
    ]
    receipt, captions = pack(tmp_path, spec_of(tokenizer_dir), members)
    assert receipt["rejected"] == {
        "unsafe_name": 3,
        "duplicate_key": 1,
        "no_image": 1,
        "no_caption": 1,
        "image_truncated": 1,
        "not_an_image": 1,
    }
    assert len(captions) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.tar", "out"]


def test_pictures_of_other_kinds_are_named_whatever_their_names(
    tokenizer_dir: Path, tmp_path: Path, picture: Picture
) -> None:
    scan = saved(Image.new("RGB", (40, 30)), "TIFF")
    members = [("0.tif", scan), ("0.txt", b"a scan"), ("1.jpg", scan), ("1.txt", b"a scan called a JPEG")]
    members += [("2.bmp", picture(1)), ("2.txt", b"a JPEG"), ("3.bmp", picture(2, "BMP")), ("3.txt", b"a bitmap")]
    receipt, captions = pack(tmp_path, spec_of(tokenizer_dir), members)
    assert receipt["rejected"] == {"unsupported_image": 3}
    assert len(captions) == 1
    said = [json.loads(line) for line in (tmp_path / "out/rejects/00000.jsonl").read_text().splitlines()]
    kinds = {line["row"]: line["detail"].partition(";")[0] for line in said}
    assert kinds == {"0": "TIFF", "1": "TIFF", "3": "BMP"}


def test_huge_members_cost_no_memory(tokenizer_dir: Path, tmp_path: Path, picture: Picture) -> None:
    """Gigabytes, as holes in a file: a picture beyond the cap, and a member that nobody asked for."""
    huge, good, path = 3 << 30, picture(1), tmp_path / "0.tar"
    with open(path, "wb") as out:
        for name, size in (("0.pth.gz", huge), ("0.jpg", len(good)), ("0.txt", 4), ("1.jpg", huge), ("1.txt", 4)):
            info = tarfile.TarInfo(name)
            info.size = size
            out.write(info.tobuf(tarfile.USTAR_FORMAT))
            start = out.tell()
            out.write(good if size == len(good) else b"text" if size == 4 else b"")
            out.seek(start + -(-size // 512) * 512)
        out.write(bytes(1024))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    receipt = work((0, str(path)), Scratch(str(tmp_path / "out"), tmp_path), spec_of(tokenizer_dir))
    assert (receipt["written"], receipt["rejected"]) == (1, {"image_too_large": 1})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kilobytes


def test_a_tar_that_ends_early_stops_the_job(tokenizer_dir: Path, tmp_path: Path, picture: Picture) -> None:
    out = io.BytesIO()
    write_tar(out, [("0.jpg", picture(1)), ("0.txt", json.dumps("x").encode())])
    (tmp_path / "0.tar").write_bytes(out.getvalue()[:1500])
    with pytest.raises(InputError, match="ends inside"):
        work((0, str(tmp_path / "0.tar")), Scratch(str(tmp_path / "out"), tmp_path), spec_of(tokenizer_dir))


def test_names_that_are_not_utf8_are_packed(tokenizer_dir: Path, tmp_path: Path, picture: Picture) -> None:
    with tarfile.open(tmp_path / "0.tar", "w", format=tarfile.GNU_FORMAT, encoding="latin-1") as tar:
        for name, data in (("café.jpg", picture(1)), ("café.txt", b"a cup")):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    receipt = work((0, str(tmp_path / "0.tar")), Scratch(str(tmp_path / "out"), tmp_path), spec_of(tokenizer_dir))
    assert receipt["written"] == 1
    assert row_parts.read_part(Checksums(str(tmp_path / "out")), 0)["uid"].to_pylist() == ["caf\\xe9"]
