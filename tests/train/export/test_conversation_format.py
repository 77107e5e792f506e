"""One conversation, packed by `dataprep`, asked by `evaluate` and rendered by an export's chat template: equal ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tokenizers
from tokenizers import Tokenizer

from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.end_of_turn import task_spec
from dataprep.conversations.inputs import Source
from dataprep.conversations.task import conversation_items, judge_rows
from dataprep.engine.rejects import Rejects
from tests.helpers.checkpoints import byte_tokenizer
from train.evaluation.prompts import PromptEncoder
from train.export.processor import hf_tokenizer


def with_own_end(folder: Path) -> None:
    """Give the tokenizer in `folder` a special token that ends turns."""
    tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_special_tokens(["<|im_end|>"])
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("own", [False, True])
def test_the_three_agree_to_the_id(tmp_path: Path, own: bool) -> None:
    byte_tokenizer(tmp_path)
    if own:
        with_own_end(tmp_path)
    said = ["What is it?", "A cat,\nsitting <|endoftext|>", "Is it big? <end_of_turn>", "No."]
    turns = [{"from": ("human", "gpt")[n % 2], "value": text} for n, text in enumerate(said)]
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([{"id": "a", "conversations": turns}]))
    settings = {"inputs": str(rows), "image_root": str(tmp_path), "out": "o", "tokenizer": str(tmp_path)}
    spec = task_spec(ConversationsJob.model_validate({**settings, "geometry": {"size": 16, "patch": 8}}))
    source = Source.of(str(rows))
    (span,) = source.spans(9)
    good = judge_rows(source, span, spec, Rejects())
    (item,), _ = conversation_items(good, spec, str(rows), Rejects())
    form, identity = spec.conversation, spec.tokenizer.identity
    assert form is not None
    assert form.end_of_turn_id == (258 if own else 259)
    packed = item.ids.tolist()
    assert packed.pop() == identity.end_of_text_id

    literal = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    literal.encode_special_tokens = True  # as the evaluation opens it
    asked = PromptEncoder(literal, identity, None)
    (first, second) = (asked.choices(0, asked.stem(said[n], False), (said[n + 1],))[0].ids for n in (0, 2))
    assert packed == [*first, form.end_of_turn_id, *second, form.end_of_turn_id]

    tokenizer = hf_tokenizer(tmp_path / "tokenizer.json", identity, form, 2048, images=False)
    said = [text.replace("<|endoftext|>", "").replace("<end_of_turn>", "") for text in said]  # no special tokens there
    messages = [{"role": ("user", "assistant")[n % 2], "content": text} for n, text in enumerate(said)]
    first, second = (
        asked.choices(0, asked.stem(said[n].strip(), False), (said[n + 1].strip(),))[0].ids for n in (0, 2)
    )
    assert tokenizer.apply_chat_template(messages) == [*first, form.end_of_turn_id, *second, form.end_of_turn_id]
