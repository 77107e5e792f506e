"""The card says what the manifest says, and nothing of the machine that made it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dataprep.publish.dataset_card import dataset_card
from schemas.manifest import InputFile, Manifest, Removal, Rows
from tests.helpers import synthetic


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    synthetic.schedule(tmp_path)
    return Manifest.load(tmp_path / "pairs")


def test_counts_rejects_inputs_and_licences_are_on_it(manifest: Manifest) -> None:
    inputs = [InputFile(path=f"/home/me/secret/{n}.tar", bytes=1000, digest="x") for n in range(21)]
    inputs[0] = InputFile(path="hf://datasets/o/n@abc/0.tar", bytes=1000, digest="x")
    rows = Rows(read=1234, written=1200, rejected={"no_caption": 30, "bad_json": 4})
    card = dataset_card(
        manifest.model_copy(update={"inputs": inputs, "rows": rows, "licences": ["cc-by-4.0"]}), "us/data"
    )
    for kind in ("text", "visual", "caption"):
        assert f"| {kind} | {getattr(manifest.tokens, kind):,} |" in card
    assert f"| all | {manifest.samples * manifest.seq_len:,} |" in card
    assert "| left out: bad_json | 4 |\n| left out: no_caption | 30 |" in card
    assert "`hf://datasets/o/n@abc/0.tar` (1,000 bytes)" in card
    assert "- `1.tar` (1,000 bytes)" in card
    assert "secret" not in card
    assert "21 files, 21,000 bytes" in card
    assert "- and 1 more" in card
    head = YAML(typ="safe").load(card.split("---")[1])
    assert head["license_name"] == "cc-by-4.0"
    assert head["tags"] == ["switchpoint", "mds", "pairs"]


@pytest.mark.parametrize(("samples", "word"), [(999, "n<1K"), (1000, "1K<n<10K"), (10**12, "n>1T")])
def test_sizes_are_the_hubs_words(manifest: Manifest, samples: int, word: str) -> None:
    card = dataset_card(manifest.model_copy(update={"samples": samples}), "us/data")
    assert f'size_categories: ["{word}"]' in card


def test_takedowns_are_told(manifest: Manifest) -> None:
    assert "Takedowns" not in dataset_card(manifest, "us/data")
    one = Removal(revision=1, date="2026-01-02", asked={"uid": 1}, record="r", rows=7, images=1, tokens=9, shards=1,
                  content=manifest.content)  # fmt: skip
    assert "| 2026-01-02 (revision 1) | 7 |" in dataset_card(manifest.model_copy(update={"removals": [one]}), "us/data")
