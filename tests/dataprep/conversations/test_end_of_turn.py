"""Which id ends a turn, under tokenizers with and without a token of their own for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import InputError
from dataprep.conversations.end_of_turn import conversation_format
from dataprep.tokens import tokenizer as tokenizers
from dataprep.tokens.tokenizer import TokenizerSpec


def made(folder: Path, special: list[str], *, size: int = 100) -> TokenizerSpec:
    """A tokenizer of `size` ids, of which the last ones are `special`."""
    words = [f"w{number}" for number in range(size - len(special) - 2)]
    names = ["<|endoftext|>", "<|padding|>", *words, *special]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": names.index(name), "content": name, **flags} for name in [*names[:2], *special]]
    model = {"type": "WordLevel", "vocab": {name: number for number, name in enumerate(names)}, "unk_token": "w0"}
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0", "added_tokens": added, "model": model}))
    return tokenizers.load(str(folder))


@pytest.mark.parametrize("name", ["<|im_end|>", "<|eot_id|>", "<end_of_turn>"])
def test_a_tokenizer_with_a_token_for_it_keeps_its_own(tmp_path: Path, name: str) -> None:
    found = conversation_format(made(tmp_path, ["<|other|>", name]), "t")
    assert (found.version, found.end_of_turn, found.end_of_turn_id) == (2, name, 99)


def test_the_border_of_documents_is_never_the_end_of_a_turn(tmp_path: Path) -> None:
    made(tmp_path, ["<|im_end|>"])
    spec = tokenizers.load(str(tmp_path), end_of_text="<|im_end|>")
    assert conversation_format(spec, "t").end_of_turn == "<end_of_turn>"
    for named in ("<|im_end|>", "<|padding|>"):
        with pytest.raises(InputError, match="ends documents or pads already"):
            conversation_format(spec, "t", named)


def test_one_without_gets_the_id_after_the_image_placeholder(tmp_path: Path) -> None:
    spec = made(tmp_path, [])
    found = conversation_format(spec, "t")
    assert (found.end_of_turn, found.end_of_turn_id) == ("<end_of_turn>", spec.identity.image_id + 1)
    assert spec.identity.embedding_rows == 128


def test_a_named_one_is_taken_if_it_is_special(tmp_path: Path) -> None:
    spec = made(tmp_path, ["<|im_end|>", "<|stop|>"])
    assert conversation_format(spec, "t", "<|stop|>").end_of_turn_id == 99
    for named, problem in (("w5", "end_of_turn: 'w5' is an ordinary token"), ("<|no|>", "no special token '<.no.>'")):
        with pytest.raises(InputError, match=problem):
            conversation_format(spec, "t", named)


@pytest.mark.parametrize("size", [127, 65535])
def test_where_the_embedding_has_no_row_left_a_token_must_be_named(tmp_path: Path, size: int) -> None:
    """The second size is where the id would not fit the datasets' 16 bits either."""
    with pytest.raises(InputError, match=rf"no room for an end of turn: id {size + 1} is beyond the {size + 1} rows"):
        conversation_format(made(tmp_path, [], size=size), "t")
    assert conversation_format(made(tmp_path, ["<|im_end|>"], size=size), "t").end_of_turn_id == size - 1


def test_an_ordinary_token_of_the_name_is_refused(tmp_path: Path) -> None:
    spec = made(tmp_path, [])
    text = spec.json.replace(b'"w7"', b'"<end_of_turn>"')
    with pytest.raises(InputError, match="but no special one"):
        conversation_format(TokenizerSpec(text, spec.identity), "t")
