"""The text release reads as DCLM-baseline does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import zstandard

from demo.world import dclm
from demo.world.world import Options, World

_SHARD = re.compile(r"text/global-shard_01_of_10/local-shard_[01]_of_10/shard_0000000[0-3]_processed\.jsonl\.zst")


def _lines(path: Path) -> list[bytes]:
    return zstandard.ZstdDecompressor().decompress(path.read_bytes()).splitlines()


def test_layout_and_fields(world_root: Path, options: Options) -> None:
    files = sorted(path for path in (world_root / "text").rglob("*") if path.is_file())
    assert len(files) == dclm.SHARDS
    assert all(_SHARD.fullmatch(path.relative_to(world_root).as_posix()) for path in files)
    records = [json.loads(line) for path in files for line in _lines(path)]
    assert len(records) == options.documents
    for record in records:
        assert record.keys() == {
            "text", "url", "metadata", "warcinfo", "language_id_whole_page_fasttext", "previous_word_count",
            "bff_contained_ngram_count_before_dedupe",
            "fasttext_openhermes_reddit_eli5_vs_rw_v2_bigram_200k_train_prob",
        }  # fmt: skip
        assert record["language_id_whole_page_fasttext"].keys() == {"en"}
        assert record["metadata"]["WARC-Target-URI"] == record["url"]
        assert record["metadata"]["WARC-Truncated"] is None
    assert len({record["metadata"]["WARC-Record-ID"] for record in records}) == options.documents
    assert {record["metadata"]["WARC-IP-Address"] is None for record in records} == {True, False}


def test_oddities_stand_where_the_world_says(world_root: Path, world: World) -> None:
    oddities = world.of_kind("unicode", "spells_special")
    assert {defect.kind for defect in oddities} == {"unicode", "spells_special"}
    for defect in oddities:
        name, _, line = defect.key.rpartition(":")
        text = json.loads(_lines(world_root / name)[int(line) - 1])["text"]
        if defect.kind == "spells_special":
            assert re.search(r"<\|endoftext\|>|<image>|<\|padding\|>", text)
        else:
            assert not text.isascii()


def test_texts_stops_at_the_number_asked_for(world_root: Path, options: Options) -> None:
    assert len(dclm.texts(world_root, 70)) == 70
    assert len(dclm.texts(world_root, 10**6)) == options.documents
