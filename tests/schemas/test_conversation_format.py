"""The format spelled out, and the chat template against it."""

from __future__ import annotations

from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.conversation_format import VERSION_1, ConversationFormat, answer, prompt

VERSION_2 = ConversationFormat(version=2, end_of_turn="<end_of_turn>", end_of_turn_id=259)
TEXT = st.text(min_size=1).map(str.strip).filter(bool)


class RefusedError(Exception):
    """What a template raises."""


def refuse(message: str) -> None:
    """`raise_exception` of transformers."""
    raise RefusedError(message)


def rendered(form: ConversationFormat, messages: list[Any], *, images: bool = True, generate: bool = False) -> str:
    """As transformers renders it."""
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)  # noqa: S701: no HTML
    environment.globals["raise_exception"] = refuse
    template = environment.from_string(form.chat_template(images=images))
    return template.render(messages=messages, add_generation_prompt=generate)


def turns(*texts: str) -> list[dict[str, Any]]:
    return [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(texts)]


def test_both_versions_spelled_out() -> None:
    """Datasets on disk have these very characters: whoever changes them makes a version 3."""
    said = turns("What?", "A cat.", "Big?", "No.")
    assert rendered(VERSION_1, said) == "USER: What?\nASSISTANT: A cat.\nUSER: Big?\nASSISTANT: No."
    assert rendered(VERSION_2, said) == (
        "USER: What?\nASSISTANT: A cat.<end_of_turn>USER: Big?\nASSISTANT: No.<end_of_turn>"
    )
    assert (prompt("Big?"), answer("No.")) == ("USER: Big?\nASSISTANT:", " No.")
    assert (VERSION_1.stops, VERSION_2.stops) == (("\n",), ())
    assert (VERSION_1.ends(0), VERSION_2.ends(0)) == ([0], [259, 0])


@given(st.lists(st.tuples(TEXT, TEXT), max_size=3), TEXT, st.sampled_from([VERSION_1, VERSION_2]))
def test_a_question_after_any_rounds_is_the_prompt(
    rounds: list[tuple[str, str]], question: str, form: ConversationFormat
) -> None:
    closing = form.end_of_turn or "\n"
    before = "".join(prompt(asked) + answer(said) + closing for asked, said in rounds)
    messages = turns(*[text for pair in rounds for text in pair], question)
    assert rendered(form, messages, generate=True) == before + prompt(question)
    assert rendered(form, messages) == before + prompt(question).removesuffix("\nASSISTANT:")


def test_images_stand_before_their_question_in_every_form_of_a_message() -> None:
    picture, text = {"type": "image"}, {"type": "text", "text": " Which? "}
    for content in ([picture, picture, text], [text, picture, {"type": "image_url", "image_url": {}}]):
        asked = [{"role": "user", "content": content}]
        assert rendered(VERSION_2, asked, generate=True) == "<image><image>USER: Which?\nASSISTANT:"
        with pytest.raises(RefusedError, match="no image side"):
            rendered(VERSION_2, asked, images=False)


def test_a_system_message_stands_above_the_first_question() -> None:
    system = {"role": "system", "content": "Be brief. "}
    assert rendered(VERSION_2, [system, *turns("What?", "A.", "And?")], generate=True) == (
        "USER: Be brief.\nWhat?\nASSISTANT: A.<end_of_turn>USER: And?\nASSISTANT:"
    )


@pytest.mark.parametrize(
    "roles", [["assistant"], ["user", "user"], ["user", "system"], ["system", "system"], ["user", "assistant", "tool"]]
)
def test_turns_that_training_never_saw_are_refused(roles: list[str]) -> None:
    with pytest.raises(RefusedError, match="must take turns"):
        rendered(VERSION_2, [{"role": role, "content": "x"} for role in roles])
    with pytest.raises(RefusedError, match="text and images only"):
        rendered(VERSION_2, [{"role": "user", "content": [{"type": "video"}]}])


def test_a_format_is_whole() -> None:
    for wrong in (
        {"version": 2},
        {"version": 1, "end_of_turn": "x", "end_of_turn_id": 3},
        {"version": 2, "end_of_turn": "x"},
    ):
        with pytest.raises(ValidationError, match="version 2 names the token"):
            ConversationFormat.model_validate(wrong)
