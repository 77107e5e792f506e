"""Settings of the conversations job, and which of them make another dataset."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from dataprep.conversations.config import ConversationsJob


def job(**more: Any) -> ConversationsJob:
    base = {"inputs": "a.json", "image_root": "images", "out": "out", "tokenizer": "t"}
    return ConversationsJob.model_validate({**base, "geometry": {"size": 32, "patch": 16}, **more})


def test_one_input_may_stand_by_itself() -> None:
    assert job().inputs == ["a.json"]
    with pytest.raises(ValidationError, match="inputs"):
        job(inputs=[])


@pytest.mark.parametrize("banned", [{"urls": "u.txt"}, {"hosts": ["x.example"]}])
def test_conversations_have_no_urls_to_ban(banned: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="ban them by `uids`"):
        job(banned=banned)


@pytest.mark.parametrize(
    "same", [{"inputs": "elsewhere/a.json"}, {"out": "elsewhere"}, {"tokenizer": "moved"}, {"input_digest": "sampled"}]
)
def test_places_are_not_part_of_the_plan(same: dict[str, Any]) -> None:
    assert job(**same).plan_config() == job().plan_config()


@pytest.mark.parametrize(
    "other",
    [
        {"text_only": True},
        {"rows_per_task": 7},
        {"seq_len": 512},
        {"decode": False},
        {"geometry": {"size": 48, "patch": 16}},
        {"banned": {"uids": "list.txt"}},
    ],
)
def test_what_changes_bytes_is(other: dict[str, Any]) -> None:
    assert job(**other).plan_config() != job().plan_config()


def test_a_list_counts_by_its_content_not_by_its_name() -> None:
    """The content is an input of the plan; the settings only say that there is a list."""
    assert job(banned={"uids": "a.txt"}).plan_config() == job(banned={"uids": "b.txt"}).plan_config()
