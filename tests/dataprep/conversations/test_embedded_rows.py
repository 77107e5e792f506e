"""Parquet that holds its pictures: layouts of the releases, spans, and what a row may not be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import InputError
from dataprep.conversations import embedded_rows
from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.end_of_turn import task_spec
from dataprep.conversations.inputs import Source
from dataprep.conversations.pictures import Picture, Pictures
from dataprep.conversations.task import conversation_items, judge_rows
from dataprep.engine.rejects import Rejects
from dataprep.image_text.write_windows import Item

# As the library `datasets` writes `Image` and lists of it: huggingface/datasets, `features/image.py` (`pa_type`).
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
FINE_VISION = pa.schema(
    [
        ("images", pa.list_(IMAGE)),
        ("texts", pa.list_(pa.struct([("user", pa.string()), ("assistant", pa.string())]))),
        ("source", pa.string()),
        ("relevance_ratings", pa.list_(pa.int64())),
    ]
)
ONE_VISION = pa.schema(
    [
        ("id", pa.string()),
        ("image", IMAGE),
        ("conversations", pa.list_(pa.struct([("from", pa.string()), ("value", pa.string())]))),
        ("data_source", pa.string()),
    ]
)


def write(path: Path, rows: list[dict[str, Any]], schema: pa.Schema, group: int = 100) -> Source:
    pq.write_table(pa.Table.from_pylist(rows, schema), path, row_group_size=group)
    return Source.of(str(path))


def packed(
    source: Source, tokenizer_dir: Path, rows: int = 100, **more: Any
) -> tuple[list[Item[Picture]], Rejects, Callable[[Picture], bytes]]:
    base = {"inputs": source.path, "out": "unused", "tokenizer": str(tokenizer_dir), "seq_len": 200}
    spec = task_spec(ConversationsJob.model_validate({**base, "geometry": {"size": 32, "patch": 16}, **more}))
    refused, pictures = Rejects(), Pictures(spec.job, Path(f"{source.path}.{len(more)}.pictures"))
    good = [one for span in source.spans(rows) for one in judge_rows(source, span, spec, refused, pictures)]
    items, _ = conversation_items(good, spec, source.path, refused)
    return items, refused, pictures.read


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"from": ("human", "gpt")[n % 2], "value": text} for n, text in enumerate(texts)]


def test_both_layouts_give_what_llavas_json_gives(
    tmp_path: Path, tokenizer_dir: Path, picture: Callable[..., bytes]
) -> None:
    """Two pictures in a row, text alone, and one picture; markers or none."""
    pictures = [picture(n) for n in range(3)]
    talks = [
        (pictures[:2], ["Which differ?", "Both.", "Sure?", "Yes."]),
        ([], ["Say a", "a"]),
        (pictures[2:], ["?", "b"]),
    ]
    (tmp_path / "images").mkdir()
    for number, data in enumerate(pictures):
        (tmp_path / "images" / f"{number}.jpg").write_bytes(data)
    names, llava = iter(("0.jpg", "1.jpg", "2.jpg")), []
    for held, texts in talks:
        said = turns(*["<image>\n" * len(held) + texts[0], *texts[1:]])
        llava.append({"conversations": said} | ({"image": [next(names) for _ in held]} if held else {}))
    (tmp_path / "rows.json").write_text(json.dumps(llava))
    expected, _, _ = packed(Source.of(str(tmp_path / "rows.json")), tokenizer_dir, image_root=str(tmp_path / "images"))
    fine = [
        {
            "images": [{"bytes": data, "path": None} for data in held],
            "texts": [{"user": u, "assistant": a} for u, a in zip(texts[::2], texts[1::2], strict=True)],
            "source": "s",
        }
        for held, texts in talks
    ]
    items, refused, read = packed(write(tmp_path / "fine.parquet", fine, FINE_VISION), tokenizer_dir, rows=2)
    assert not refused.counts
    assert [item.ids.tolist() for item in items] == [item.ids.tolist() for item in expected]
    assert [item.mask.tolist() for item in items] == [item.mask.tolist() for item in expected]  # type: ignore[union-attr]
    assert [[read(one) for one in item.images] for item in items] == [held for held, _ in talks]
    assert [item.origin["id"] for item in items] == ["fine.parquet#0", "fine.parquet#1", "fine.parquet#2"]
    one = [
        {
            "id": f"i{n}",
            "image": {"bytes": held[0], "path": "a.png"} if held else None,
            "conversations": row["conversations"],
        }
        for n, ((held, _), row) in enumerate(zip(talks, llava, strict=True))
    ][1:]
    items, refused, read = packed(write(tmp_path / "one.parquet", one, ONE_VISION), tokenizer_dir)
    assert not refused.counts
    assert [item.ids.tolist() for item in items] == [item.ids.tolist() for item in expected[1:]]
    assert [(item.origin["id"], item.origin["image"]) for item in items] == [("i1", ""), ("i2", "a.png")]
    assert read(items[1].images[0]) == pictures[2]


def test_each_bad_row_has_its_reason(tmp_path: Path, tokenizer_dir: Path, picture: Callable[..., bytes]) -> None:
    good, text = {"bytes": picture(0), "path": "a.jpg"}, [{"user": "u", "assistant": "a"}]
    rows: list[tuple[dict[str, Any], str | None]] = [
        ({"images": [good], "texts": text}, None),
        ({"images": [{"bytes": picture(1)[:100], "path": None}], "texts": text}, "image_truncated"),
        ({"images": [{"bytes": b"<html>", "path": None}], "texts": text}, "not_an_image"),
        ({"images": [{"bytes": b"\xff" * 5000, "path": None}], "texts": text}, "image_too_large"),
        ({"images": [{"bytes": None, "path": None}], "texts": text}, "bad_row"),
        ({"images": [None], "texts": text}, "bad_row"),
        ({"images": [{"bytes": None, "path": "b.jpg"}], "texts": text}, "missing_image"),
        ({"images": [good], "texts": []}, "turns_do_not_alternate"),
        ({"images": [good], "texts": None}, "bad_row"),
        ({"images": [good], "texts": [{"user": None, "assistant": "a"}]}, "bad_row"),
        ({"images": [good], "texts": [{"user": "u", "assistant": " "}]}, "empty_turn"),
        ({"images": [good] * 2, "texts": [{"user": "<image> u", "assistant": "a"}]}, "more_images_than_markers"),
        ({"images": [], "texts": [{"user": "<image> u", "assistant": "a"}]}, "marker_without_image"),
        ({"images": None, "texts": text}, None),
        ({"images": [good] * 60, "texts": text}, "conversation_too_long"),
    ]
    source = write(tmp_path / "a.parquet", [row for row, _ in rows], FINE_VISION, group=4)
    for text_only in (False, True):
        items, refused, _ = packed(source, tokenizer_dir, 3, images={"max_bytes": 4000}, text_only=text_only)
        found = {one["row"]: one["reason"] for one in map(json.loads, refused.jsonl().splitlines())}
        expected = {f"row {n}": reason for n, (_, reason) in enumerate(rows) if reason}
        if text_only:
            del expected["row 14"]
        assert found == expected
        assert len(items) + len(found) == len(rows)


def test_a_row_that_is_not_utf8_and_one_that_is_too_long_cost_themselves(
    tmp_path: Path, tokenizer_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded_rows, "MAX_ROW_BYTES", 50)
    ends = pa.py_buffer(np.array([0, 1, 3, 103], np.int32).tobytes())
    user = pa.Array.from_buffers(pa.string(), 3, [None, ends, pa.py_buffer(b"a\xff\xfe" + b"x" * 100)])
    rounds = pa.StructArray.from_arrays([user, pa.array(["y"] * 3)], ["user", "assistant"])
    texts = pa.ListArray.from_arrays(pa.array([0, 1, 2, 3], pa.int32()), rounds)
    pq.write_table(pa.table({"texts": texts}), tmp_path / "a.parquet")
    items, refused, _ = packed(Source.of(str(tmp_path / "a.parquet")), tokenizer_dir)
    assert [item.name for item in items] == ["row 0"]
    assert dict(refused.counts) == {"bad_row": 2}


@pytest.mark.parametrize(("rows", "group"), [(1, 3), (3, 3), (4, 3), (7, 3), (100, 3), (4, 100), (13, 100)])
def test_spans_hold_every_row_once(tmp_path: Path, rows: int, group: int) -> None:
    talks = [{"id": str(n), "conversations": turns(f"q{n}", "a")} for n in range(13)]
    source = write(tmp_path / "a.parquet", talks, ONE_VISION, group)
    spans = list(source.spans(rows))
    assert all(0 < span.length <= rows for span in spans)
    found = [row for span in spans for row in embedded_rows.read(source.path, span)]
    assert [name for name, _ in found] == [f"row {n}" for n in range(13)]
    assert [row.row["id"] for _, row in found if isinstance(row, embedded_rows.EmbeddedRow)] == [
        str(n) for n in range(13)
    ]


def test_files_without_conversations_and_damaged_ones_are_told(tmp_path: Path) -> None:
    pq.write_table(pa.table({"image": [b""], "caption": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no column conversations or texts; it has image, caption; rename the column"):
        list(Source.of(str(tmp_path / "a.parquet")).spans(3))
    source = write(tmp_path / "b.parquet", [{"id": "1", "conversations": turns("q", "a" * 999)}] * 99, ONE_VISION)
    (span,) = source.spans(100)
    data = bytearray((tmp_path / "b.parquet").read_bytes())
    data[4:200] = bytes(196)
    (tmp_path / "b.parquet").write_bytes(data)
    with pytest.raises(InputError, match=r"b\.parquet: not a readable Parquet file .*; fetch the file again"):
        list(embedded_rows.read(source.path, span))
