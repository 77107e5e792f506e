"""One task's rows: each is packed or refused, and exactly the answers bear loss."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.end_of_turn import task_spec
from dataprep.conversations.inputs import Source
from dataprep.conversations.pictures import Picture
from dataprep.conversations.task import conversation_items, judge_rows
from dataprep.engine.rejects import Rejects
from dataprep.image_text.settings import TaskSpec
from dataprep.image_text.write_windows import Item
from dataprep.storage import files
from schemas.conversation_format import END_OF_TURN, IMAGE_TOKEN

words = st.text(st.characters(codec="utf-8", exclude_characters="<"), max_size=12)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, picture: Callable[..., bytes]) -> Path:
    root = tmp_path_factory.mktemp("task")
    (root / "good.jpg").write_bytes(picture(0))
    (root / "cut.jpg").write_bytes(picture(1)[:100])
    return root


def spec_of(folder: Path, tokenizer_dir: Path, **more: Any) -> TaskSpec:
    base = {"inputs": "x.json", "image_root": str(folder), "out": "unused", "tokenizer": str(tokenizer_dir)}
    shape = {"seq_len": 100, "geometry": {"size": 32, "patch": 16}}
    return task_spec(ConversationsJob.model_validate({**base, **shape, **more}))


def packed(folder: Path, rows: list[Any], spec: TaskSpec) -> tuple[list[Item[Picture]], Rejects]:
    path, refused = folder / "rows.json", Rejects()
    path.write_text(json.dumps(rows))
    source = Source.of(str(path))
    good = [one for span in source.spans(3) for one in judge_rows(source, span, spec, refused)]
    items, _ = conversation_items(good, spec, str(path), refused)
    return items, refused


def row(turns: list[str], **more: Any) -> dict[str, Any]:
    speakers = ["human", "gpt"] * len(turns)
    return {
        "id": "r",
        "conversations": [{"from": f, "value": v} for f, v in zip(speakers, turns, strict=False)],
        **more,
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.one_of(
            st.lists(words, max_size=5).map(row),
            st.sampled_from([{}, {"conversations": 1}, {"image": 1, "conversations": []}, {"conversations": [None]}]),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_row_is_packed_or_refused(folder: Path, tokenizer_dir: Path, rows: list[Any]) -> None:
    items, refused = packed(folder, rows, spec_of(folder, tokenizer_dir))
    names = [item.name for item in items] + [json.loads(line)["row"] for line in refused.jsonl().splitlines()]
    assert sorted(names) == sorted(f"row {n}" for n in range(len(rows)))


def test_exactly_the_answers_bear_loss(folder: Path, tokenizer_dir: Path) -> None:
    spec = spec_of(folder, tokenizer_dir)
    (item,), _ = packed(
        folder, [row(["<image>\nWhat?", "A dog.", "Sure?", "Yes <|endoftext|>"], image="good.jpg")], spec
    )
    identity, tokenizer = spec.tokenizer.identity, tokenizers.Tokenizer.from_file(f"{tokenizer_dir}/tokenizer.json")
    tokenizer.add_special_tokens([IMAGE_TOKEN, END_OF_TURN])
    decode = tokenizer.decode
    pairs = list(zip(item.ids.tolist(), item.mask.tolist(), strict=True))
    assert pairs[:4] == [(identity.image_id, 0)] * 4
    assert pairs[-1] == (identity.end_of_text_id, 1)
    learnt = decode([token for token, bears in pairs[4:-1] if bears], skip_special_tokens=False)
    shown = decode([token for token, bears in pairs[4:-1] if not bears], skip_special_tokens=False)
    assert learnt == " A dog.<end_of_turn> Yes <|endoftext|><end_of_turn>"
    assert shown == "USER: What?\nASSISTANT:USER: Sure?\nASSISTANT:"
    assert identity.end_of_text_id not in [token for token, _ in pairs[:-1]], "text that spells it is text"
    assert item.counts == {"visual": 4, "text": len(pairs) - 4}


@pytest.mark.parametrize(
    ("image", "reason"),
    [("none.jpg", "missing_image"), ("cut.jpg", "image_truncated"), ("../x.jpg", "unsafe_image_path"), ("", "bad_row")],
)
def test_images_are_looked_at_even_if_they_are_left_out(
    folder: Path, tokenizer_dir: Path, image: str, reason: str
) -> None:
    for text_only in (False, True):
        spec = spec_of(folder, tokenizer_dir, text_only=text_only)
        items, refused = packed(folder, [row(["<image>?", "yes"], image=image)], spec)
        assert not items
        assert dict(refused.counts) == {reason: 1}
    (item,), _ = packed(folder, [row(["<image>?", "yes"], image="good.jpg")], spec_of(folder, tokenizer_dir))
    (bare,), _ = packed(
        folder, [row(["<image>?", "yes"], image="good.jpg")], spec_of(folder, tokenizer_dir, text_only=True)
    )
    assert (bare.images, bare.counts["visual"]) == ((), 0)
    assert bare.ids.tolist() == item.ids.tolist()[4:]


def test_limits_of_a_row(folder: Path, tokenizer_dir: Path) -> None:
    spec = spec_of(folder, tokenizer_dir, seq_len=40, images={"max_bytes": 50})
    _, refused = packed(folder, [row(["long " * 30, "x"]), row(["<image>?", "y"], image="good.jpg")], spec)
    assert dict(refused.counts) == {"conversation_too_long": 1, "image_too_large": 1}


def test_ids_are_text_or_numbers(folder: Path, tokenizer_dir: Path) -> None:
    deep: list[Any] = []
    for _ in range(900):
        deep = [deep]
    rows = [row(["?", "y"], id=value) for value in (7, None, {"a": 1}, deep)]
    items, refused = packed(folder, rows, spec_of(folder, tokenizer_dir))
    assert [item.origin["id"] for item in items] == ["7", ""]
    assert dict(refused.counts) == {"bad_row": 2}


def test_storage_that_fails_costs_no_row(folder: Path, tokenizer_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that is there and cannot be read is no missing image: the job stops, and another run has the row."""

    def fails(uri: str) -> bytes:
        raise InputError("cannot read the file (Input/output error)", file=uri)

    spec = spec_of(folder, tokenizer_dir)
    monkeypatch.setattr(files, "read_bytes", fails)
    with pytest.raises(InputError, match=r"good\.jpg: cannot read the file"):
        packed(folder, [row(["<image>?", "y"], image="good.jpg")], spec)
