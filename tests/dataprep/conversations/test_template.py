from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.conversations.template import clean, conversation, image_path
from dataprep.engine.rejects import RejectError

TEXT = st.text(min_size=1).map(clean).filter(lambda text: text.strip() and "<image>" not in text)


def row(*values: str, image: Any = None, first: str = "human") -> dict[str, Any]:
    other = {"human": "gpt", "gpt": "human"}
    turns, speaker = [], first
    for value in values:
        turns.append({"from": speaker, "value": value})
        speaker = other[speaker]
    return {"id": "1", "conversations": turns, **({} if image is None else {"image": image})}


def text_of(value: Any) -> str:
    return "".join(text for text, _ in conversation(value, "r").segments)


def reason(value: Any) -> str:
    with pytest.raises(RejectError) as caught:
        conversation(value, "r")
    return caught.value.reason


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), st.sampled_from(["", "<image>\n", "\n<image>"]))
def test_the_template_is_exact_and_answers_alone_bear_loss(rounds: list[tuple[str, str]], marker: str) -> None:
    values = [value for pair in rounds for value in pair]
    if marker:
        values[0] = marker + values[0] if marker[0] == "<" else values[0] + marker
    found = conversation(row(*values, image="a.jpg" if marker else None), "r")
    expected = "".join(f"USER: {q.strip()}\nASSISTANT: {a.strip()}" for q, a in rounds)
    assert "".join(text for text, _ in found.segments) == expected
    borne = [text for text, is_answer in found.segments if is_answer]
    assert borne == [f" {a.strip()}" for _, a in rounds]
    assert found.images == (("a.jpg",) if marker else ())


def test_one_round_spelled_out() -> None:
    found = conversation(row("<image>\nWhat is it?", "A cat.", "Big?", "No.", image="cat.jpg"), "r")
    assert found.segments == [
        ("USER: What is it?\nASSISTANT:", False),
        (" A cat.", True),
        ("USER: Big?\nASSISTANT:", False),
        (" No.", True),
    ]


def test_a_leading_answer_is_dropped_and_inner_line_breaks_stay() -> None:
    assert text_of(row("hello", "A\r\nB", "C", first="gpt")) == "USER: A\nB\nASSISTANT: C"


def test_several_images_need_as_many_markers_together() -> None:
    assert conversation(row("<image><image>\nDiffer?", "Yes", image=["a", "b"]), "r").images == ("a", "b")


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("text", "bad_row"),
        ({"id": "1"}, "bad_row"),
        ({"conversations": ["hi"]}, "bad_row"),
        ({"conversations": [{"from": "human", "value": 3}]}, "bad_row"),
        (row("<image>q", "a", image=7), "bad_row"),
        (row("<image>q", "a", image=[]), "marker_without_image"),
        (row(), "turns_do_not_alternate"),
        (row("q"), "turns_do_not_alternate"),
        (row("q", "a", "q"), "turns_do_not_alternate"),
        (row("a", first="gpt"), "turns_do_not_alternate"),
        ({"conversations": row("q", "a")["conversations"] * 1 + row("a", first="gpt")["conversations"]},
         "turns_do_not_alternate"),
        ({"conversations": [{"from": "system", "value": "s"}, {"from": "system", "value": "s"}]},
         "turns_do_not_alternate"),
        (row(" ", "a"), "empty_turn"),
        (row("q", "\0"), "empty_turn"),
        (row("<image>\n", "a", image="a.jpg"), "empty_turn"),
        (row("<image>\nq", "a"), "marker_without_image"),
        (row("q", "a", image="a.jpg"), "image_without_marker"),
        (row("<image>\nq", "a", "<image> q", "a", image="a.jpg"), "more_markers_than_images"),
        (row("<image>\nq", "a", image=["a.jpg", "b.jpg"]), "more_images_than_markers"),
        (row("see <image> here", "a", image="a.jpg"), "marker_misplaced"),
        (row("q", "a", "<image>\nq", "a", image="a.jpg"), "marker_misplaced"),
        (row("q", "a <image>", image="a.jpg"), "marker_misplaced"),
    ],
)  # fmt: skip
def test_rows_that_break_the_rules_have_a_reason(value: Any, code: str) -> None:
    assert reason(value) == code


@given(st.recursive(st.none() | st.booleans() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_json_value_is_judged_without_a_crash(value: Any) -> None:
    for candidate in (value, {"conversations": value}, {"conversations": [{"from": "human", "value": value}] * 2}):
        reason(candidate)


@given(st.text(st.characters(codec=None)))
def test_clean_text_is_valid_and_stable(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    clean(text).encode()


@pytest.mark.parametrize("path", ["../a.jpg", "/etc/passwd", "a/../../b", "C:\\a", "s3://bucket/a", "..\\a", "a\0.jpg"])
def test_images_outside_the_root_are_refused(path: str) -> None:
    with pytest.raises(RejectError, match="unsafe_image_path"):
        image_path(path)


@pytest.mark.parametrize("path", ["a" * 252 + ".jpg", "a/" * 600 + "b.jpg", "\u00e9" * 130])
def test_images_with_names_that_no_storage_takes_are_refused(path: str) -> None:
    with pytest.raises(RejectError, match="unsafe_image_path"):
        image_path(path)


def test_a_long_run_of_blanks_takes_no_time() -> None:
    """A search for markers at the end must not start anew at every blank: a million would take hours."""
    blanks = " " * 1_000_000
    turns = [{"from": "human", "value": f"<image>{blanks}a{blanks}b \n<image> "}, {"from": "gpt", "value": "c"}]
    found = conversation({"image": ["1.jpg", "2.jpg"], "conversations": turns}, "row")
    assert found.rounds == ((f"a{blanks}b", "c"),)
