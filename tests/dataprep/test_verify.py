from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from common.errors import InputError
from dataprep.mds.index import index_json
from dataprep.mds.layout import Layout
from dataprep.mds.shard import Shard
from dataprep.provenance import row_parts
from dataprep.verify import verify
from schemas import row_provenance
from schemas.manifest import ImageGeometry, Manifest, Rows, ShardReceipt, TokenCounts, TokenizerIdentity
from tests.helpers.samples import encode_samples

TOKENIZER = TokenizerIdentity(digest="d", vocabulary_size=100, end_of_text_id=0, pad_id=1, image_id=100)
ROWS = [[5, 6, 0, 7, 0, 8, 9, 4], [100, 100, 3, 0, 1, 1, 1, 1]]


def dataset(folder: Path, compression: str | None = None, images: bool = False, **changes: Any) -> Path:
    columns = {"tokens": "ndarray:uint16:8"} | ({"images": "bytes"} if images else {})
    layout = Layout(columns, compression)
    rows = [{"tokens": np.array(row, np.uint16), "images": b"x" * n} for n, row in enumerate(ROWS)]
    shards = [encode_samples(layout, n, [row]) for n, row in enumerate(rows)]
    settings: dict[str, Any] = {
        "kind": "pairs",
        "plan": "p",
        "seed": 0,
        "seq_len": 8,
        "samples": 2,
        "tokens": TokenCounts(text=8, visual=2, caption=2, pad=4),
        "tokenizer": TOKENIZER,
        "rows": Rows(read=3, written=3),
        "inputs": [],
        "shards": [receipt(shard) for shard in shards],
    }
    folder.mkdir(exist_ok=True)
    for shard in shards:
        (folder / shard.basename).write_bytes(shard.data)
    (folder / "index.json").write_bytes(index_json([shard.entry for shard in shards]))
    (folder / "manifest.json").write_text(Manifest.model_validate(settings | changes).model_dump_json())
    return folder


def receipt(shard: Shard) -> ShardReceipt:
    return ShardReceipt(name=shard.basename, samples=1, bytes=len(shard.data), digest=shard.digest)


@pytest.mark.parametrize("compression", [None, "zstd"])
@pytest.mark.parametrize("images", [False, True])
def test_a_sound_dataset(tmp_path: Path, compression: str | None, images: bool) -> None:
    manifest, problems = verify(str(dataset(tmp_path / "d", compression, images)))
    assert problems == []
    assert manifest.samples == 2


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_one_changed_bit_is_found(tmp_path: Path, compression: str | None) -> None:
    folder = dataset(tmp_path / "d", compression)
    path = next(folder.glob("shard.00001.*"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert [problem.partition(": ")[2] for problem in verify(str(folder))[1]] == [
        "its bytes are not those that the manifest's digest is of"
    ]
    path.unlink()
    assert "cannot read the file" in verify(str(folder))[1][0]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rows": Rows(read=4, written=4)}, "end-of-text ids and rows written: 3 in the shards, 4 in the manifest"),
        ({"tokens": TokenCounts(text=9, visual=2, caption=2, pad=3)}, "pad ids: 4 in the shards, 3 in the manifest"),
        ({"tokens": TokenCounts(text=9, visual=1, caption=2, pad=4)}, "image placeholders: 2 in the shards, 1 in"),
        (
            {"tokenizer": TOKENIZER.model_copy(update={"vocabulary_size": 9})},
            "ids outside the vocabulary: 1 in the shards, 0 in the manifest",
        ),
    ],
)
def test_tokens_in_are_tokens_out(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    problems = verify(str(dataset(tmp_path / "d", **changes)))[1]
    assert any(one.startswith(problem) for one in problems), problems


def test_index_and_manifest_must_agree(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "d")
    index = json.loads((folder / "index.json").read_text())
    index["shards"].pop()
    (folder / "index.json").write_text(json.dumps(index))
    assert "does not list the shards of the manifest" in verify(str(folder))[1][0]
    (folder / "index.json").write_text("{")
    assert "missing or damaged" in verify(str(folder))[1][0]


def test_an_unfinished_dataset_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a finished dataset"):
        verify(str(tmp_path))


PAIR = {
    "tokens": [100, 100, 3, 0, 1, 1, 1, 1],
    "images": b"abc",
    "image_lengths": [3],
    "loss_mask": [0, 0, 1, 1, 0, 0, 0, 0],
}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"image_lengths": [2]}, "sample 0: its images are not as long as it says"),
        ({"image_lengths": [1, 2]}, "sample 0: 2 images, 2 placeholders"),
        ({"loss_mask": [0, 1, 1, 1, 0, 0, 0, 0]}, "sample 0: a placeholder or padding bears loss"),
        ({"loss_mask": [0, 0, 1, 1, 1, 0, 0, 0]}, "sample 0: a placeholder or padding bears loss"),
    ],
)
def test_images_ids_and_mask_fit_each_other(tmp_path: Path, changes: dict[str, Any], problem: str | None) -> None:
    columns = {"tokens": "ndarray:uint16:8", "images": "bytes", "image_lengths": "ndarray:uint32"}
    layout = Layout({**columns, "loss_mask": "ndarray:uint8:8"})
    types = {"tokens": np.uint16, "image_lengths": np.uint32, "loss_mask": np.uint8}
    row = {**PAIR, **changes}
    row = {name: np.array(value, types[name]) if name in types else value for name, value in row.items()}
    shard = encode_samples(layout, 0, [row])
    (tmp_path / shard.basename).write_bytes(shard.data)
    (tmp_path / "index.json").write_bytes(index_json([shard.entry]))
    manifest = Manifest(
        kind="conversations", plan="p", seed=0, seq_len=8, samples=1, images=1,
        tokens=TokenCounts(text=2, visual=2, pad=4), tokenizer=TOKENIZER, rows=Rows(read=1, written=1), inputs=[],
        geometry=ImageGeometry(size=2, patch=1, tokens=2), shards=[receipt(shard)],
    )  # fmt: skip
    (tmp_path / "manifest.json").write_text(manifest.model_dump_json())
    problems = verify(str(tmp_path))[1]
    assert problems == [] if problem is None else problems[0].endswith(problem)


def test_a_dataset_without_samples_is_not_sound(tmp_path: Path) -> None:
    nothing = {
        "samples": 0,
        "shards": [],
        "tokens": TokenCounts(),
        "rows": Rows(read=4, written=0, rejected={"missing_image": 4}),
    }
    path = dataset(tmp_path / "d", **nothing)
    (path / "index.json").write_bytes(index_json([]))
    assert [problem.partition(": ")[2] for problem in verify(str(path))[1]] == [
        "no samples; rows rejected: {'missing_image': 4}"
    ]


def test_pictures_that_the_trainer_refuses_are_named_with_their_uids(tmp_path: Path) -> None:
    """Each digest is right: they were written so, by a release with a higher cap or from a damaged file."""
    folder = tmp_path / "d"
    bomb, sound, cut = picture(9_000, 9_000), picture(20, 30), picture(40, 40)[:-30]
    columns = {"tokens": "ndarray:uint16:8", "images": "bytes", "image_lengths": "ndarray:uint32"}
    rows = [
        {"tokens": np.array([5, 100, 100, 0, 100, 100, 6, 0], np.uint16), "pictures": [sound, bomb]},
        {"tokens": np.array([100, 100, 7, 0, 1, 1, 1, 1], np.uint16), "pictures": [cut]},
    ]
    encoded = [
        {**row, "images": b"".join(row["pictures"]), "image_lengths": np.array([*map(len, row["pictures"])], np.uint32)}
        for row in rows
    ]
    shards = [encode_samples(Layout(columns, None), n, [row]) for n, row in enumerate(encoded)]
    dataset(
        folder,
        shards=[receipt(shard) for shard in shards],
        geometry=ImageGeometry(size=16, patch=8, tokens=2),
        tokens=TokenCounts(text=0, visual=6, caption=6, pad=4),
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "images": 3}))
    for shard in shards:
        (folder / shard.basename).write_bytes(shard.data)
    (folder / "index.json").write_bytes(index_json([shard.entry for shard in shards]))
    assert verify(str(folder))[1] == []
    at = {"sample": [0, 0, 1], "start": [0, 4, 0], "tokens": [4, 4, 4], "images": [1, 1, 1], "row": ["a", "b", "c"]}
    (folder / "provenance").mkdir()
    part = row_parts.part_bytes(pa.table({**at, "uid": ["u-sound", "u-bomb", "u-cut"]}))
    (folder / row_provenance.part_file(0)).write_bytes(part)
    first, second = verify(str(folder), row_parts.uids)[1]
    assert "sample 0: picture 2: an image of 9000 x 9000 pixels, uid u-bomb; `python -m dataprep remove " in first
    assert "sample 1: picture 1: an image that cannot be decoded (" in second
    assert second.endswith("--uid u-cut` takes it out")


def picture(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    made = Image.effect_noise((width, height), 50) if width < 100 else Image.new("1", (width, height))
    made.save(buffer, "PNG")
    return buffer.getvalue()
