"""A manifest that does not add up is not a manifest."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.errors import InputError
from schemas.conversation_format import VERSION_1
from schemas.manifest import ImageGeometry, Manifest

SOUND: dict[str, Any] = {
    "kind": "text",
    "plan": "p",
    "seed": 1,
    "seq_len": 4,
    "samples": 3,
    "tokens": {"text": 10, "pad": 2},
    "tokenizer": {"digest": "d", "vocabulary_size": 9, "end_of_text_id": 0, "pad_id": 1, "image_id": 9},
    "rows": {"read": 5, "written": 4, "rejected": {"empty": 1}},
    "inputs": [{"path": "a", "bytes": 1, "digest": "x"}],
    "shards": [{"name": "0.mds", "samples": 3, "bytes": 10, "digest": "y"}],
}


def load(folder: Path, **changes: Any) -> Manifest:
    (folder / "manifest.json").write_text(json.dumps(SOUND | changes))
    return Manifest.load(folder)


def test_loads(tmp_path: Path) -> None:
    manifest = load(tmp_path)
    assert manifest.tokens.total == 12
    assert manifest.geometry is None
    assert Manifest.load_file(tmp_path / "manifest.json") == manifest


def test_conversations_have_the_first_format_unless_they_name_another(tmp_path: Path) -> None:
    assert load(tmp_path).conversation_format is None
    assert "conversation" not in load(tmp_path).model_dump()  # manifests of other kinds keep their bytes
    assert load(tmp_path, kind="conversations").conversation_format == VERSION_1
    turns = {"version": 2, "end_of_turn": "<end_of_turn>", "end_of_turn_id": 10}
    named = load(tmp_path, kind="conversations", conversation=turns).conversation_format
    assert named is not None
    assert named.model_dump() == turns
    assert load(tmp_path, kind="conversations", conversation=turns).model_dump()["conversation"] == turns
    with pytest.raises(InputError, match="version 2 names the token that ends a turn"):
        load(tmp_path, kind="conversations", conversation={"version": 2})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokens": {"text": 11, "pad": 2}}, "tokens sum to 13, samples x seq_len is 12"),
        ({"samples": 2, "tokens": {"text": 8}}, "shards hold 3 samples, the manifest says 2"),
        ({"rows": {"read": 5, "written": 3, "rejected": {"empty": 1}}}, "1 input rows are unaccounted for"),
        ({"kind": "sound"}, "kind"),
        ({"more": 1}, "more"),
        ({"version": 2}, "version"),
    ],
)
def test_what_does_not_add_up_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        load(tmp_path, **changes)
    assert "\n" not in str(caught.value)


def test_missing_and_damaged(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a finished dataset; run"):
        Manifest.load(tmp_path)
    with pytest.raises(InputError, match="cannot read the manifest"):
        Manifest.load_file(tmp_path / "other.json")
    (tmp_path / "manifest.json").write_bytes(b"\xff{")
    with pytest.raises(InputError, match="damaged manifest"):
        Manifest.load(tmp_path)


def test_content_is_what_the_shards_hold_wherever_it_came_from(tmp_path: Path) -> None:
    content = load(tmp_path).content
    elsewhere = {"plan": "other", "inputs": [{"path": "b", "bytes": 1, "digest": "x"}], "licences": ["cc"]}
    assert load(tmp_path, **elsewhere).content == content
    renamed = [{"name": "1.mds", "samples": 3, "bytes": 10, "digest": "y"}]
    assert load(tmp_path, shards=renamed).content == content
    for changes in (
        {"shards": [{"name": "0.mds", "samples": 3, "bytes": 10, "digest": "z"}]},
        {
            "shards": [{"name": "0.mds", "samples": 1, "bytes": 5, "digest": "y"}, *renamed],
            "samples": 4,
            "tokens": {"text": 16},
        },
        {"kind": "pairs"},
        {"tokenizer": {**SOUND["tokenizer"], "digest": "e"}},
    ):
        assert load(tmp_path, **changes).content != content


def test_the_default_fit_of_images_leaves_no_trace():
    """Manifests, schedules and plans from before there was a choice keep their bytes, and are read."""
    old = {"size": 384, "patch": 14, "tokens": 729}
    geometry = ImageGeometry.model_validate(old)
    assert geometry.model_dump() == old
    assert ImageGeometry.model_validate_json(geometry.model_dump_json()) == geometry
    padded = ImageGeometry(**old, fit="pad")
    assert padded.model_dump() == {**old, "fit": "pad"}
    assert padded != geometry
