"""The tokenizer is GPT-NeoX-like, exact, and the same for `tokenizers` and `gigatoken`."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import gigatoken
import pytest
from tokenizers import Tokenizer

from demo.world import dclm
from demo.world.documents import SPECIAL_TAILS, UNICODE_TAILS
from demo.world.tokenizer import END_OF_TEXT, PADDING, VOCABULARY, train


@pytest.fixture(scope="module")
def texts(world_root: Path) -> list[str]:
    return [*dclm.texts(world_root, 400), *UNICODE_TAILS, *SPECIAL_TAILS, "", "\n\n  \t", "tab\tand\r\nreturn"]


@pytest.fixture(scope="module")
def tokenizer(world_root: Path) -> Tokenizer:
    return Tokenizer.from_file(str(world_root / "tokenizer" / "tokenizer.json"))


def test_special_tokens_and_size(tokenizer: Tokenizer) -> None:
    assert tokenizer.get_vocab_size() == VOCABULARY
    assert [tokenizer.id_to_token(index) for index in (0, 1)] == [END_OF_TEXT, PADDING]
    assert max(tokenizer.get_vocab().values()) == VOCABULARY - 1


def test_decoding_gives_the_text_back(tokenizer: Tokenizer, texts: list[str]) -> None:
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == unicodedata.normalize("NFC", text)


def test_gigatoken_agrees(tokenizer: Tokenizer, texts: list[str], world_root: Path) -> None:
    fast = gigatoken.Tokenizer(str(world_root / "tokenizer" / "tokenizer.json"))
    expected = [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
    assert fast.encode_batch_list(texts, parallel=False) == expected


def test_words_of_the_world_are_single_tokens(tokenizer: Tokenizer) -> None:
    for word in (" red", " yellow", " circle", " triangle", " left", " yes", " colour"):
        assert len(tokenizer.encode(word, add_special_tokens=False).ids) == 1, word


def test_training_is_repeatable(texts: list[str]) -> None:
    first, second = train(texts), train(iter(texts))
    assert json.loads(first.to_str()) == json.loads(second.to_str())
