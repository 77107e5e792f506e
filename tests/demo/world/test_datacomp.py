"""The pairs read as DataComp's tables do, and every planted defect is what it is called."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
from PIL import Image

from demo.world.datacomp import FILES, HTML
from demo.world.world import Options, World


@pytest.fixture(scope="module")
def rows(world_root: Path) -> dict[str, dict[str, Any]]:
    files = sorted((world_root / "pairs" / "metadata").glob("*.parquet"))
    assert len(files) == FILES
    return {row["uid"]: row for file in files for row in pq.read_table(file).to_pylist()}


def _file(world_root: Path, url: str) -> Path:
    return world_root / "images" / urlsplit(url).path.lstrip("/")


def test_columns_and_sound_rows(
    rows: dict[str, dict[str, Any]], world_root: Path, world: World, options: Options
) -> None:
    defective = {defect.key for defect in world.defects if defect.release == "pairs"}
    assert len(rows) == world.counts.metadata_rows == options.scenes - len(world.of_kind("no_metadata"))
    formats = set()
    for uid, row in rows.items():
        assert list(row) == [
            "uid", "url", "text", "original_width", "original_height", "clip_b32_similarity_score",
            "clip_l14_similarity_score", "face_bboxes", "sha256",
        ]  # fmt: skip
        assert len(uid) == 32
        assert int(uid, 16) >= 0
        assert row["url"].startswith(f"http://127.0.0.1:{world.port}/")
        if uid not in defective:
            content = _file(world_root, row["url"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == row["sha256"]
            image = Image.open(io.BytesIO(content))
            assert image.size == (row["original_width"], row["original_height"])
            formats.add(image.format)
    assert formats == {"JPEG", "PNG"}


def test_defects_are_what_they_are_called(rows: dict[str, dict[str, Any]], world_root: Path, world: World) -> None:
    pairs = [defect for defect in world.defects if defect.release == "pairs"]
    assert len({defect.key for defect in pairs}) == len(pairs)
    for defect in pairs:
        row = rows.get(defect.key)
        assert (row is None) == (defect.kind == "no_metadata")
        if row is None:
            continue
        assert urlsplit(row["url"]).path == defect.path
        file = _file(world_root, row["url"])
        if defect.kind in ("not_found", "redirect"):
            assert not file.exists()
            continue
        content = file.read_bytes()
        matches = hashlib.sha256(content).hexdigest() == row["sha256"]
        assert matches == (defect.kind not in ("html", "truncated_image", "sha256_mismatch"))
        if defect.kind == "html":
            assert content == HTML
        elif defect.kind == "truncated_image":
            with pytest.raises(OSError, match="truncated"):
                Image.open(io.BytesIO(content)).load()
        else:
            Image.open(io.BytesIO(content)).load()
