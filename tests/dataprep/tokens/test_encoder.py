"""Tests that any text encodes to the ids that `tokenizers` gives, by gigatoken where the two agree."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataprep.tokens.encoder import Encoder, encoder
from dataprep.tokens.tokenizer import TokenizerSpec, load
from tests.helpers.small_tokenizer import changed

ADVERSARIAL = [
    "",
    "a<|endoftext|>b<|padding|>",
    " " * 22,
    "a" + " " * 23 + "b" + " " * 100,
    "e\u0301 \u1100\u1161 \ufb01 \u0130",
    "\x00\x00a\x7f",
    "x" * 1_000_000,
    "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308" + "\U0001f1e6" * 50,
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u4e16\u754c \u0645\u0631\u062d\u0628\u0627",
    "\r\n\t \n\n  \n\u00a0\u3000\ufeff\u200b",
    "1234567890" * 20 + "don't I'LL we've",
    "|||EMAIL_ADDRESS|||",
]


def assert_same(coder: Encoder, texts: list[str]) -> None:
    fast, reference = coder.encode_batch(texts), coder.encode_reference(texts)
    np.testing.assert_array_equal(fast[0], reference[0])
    np.testing.assert_array_equal(fast[1], reference[1])


def test_adversarial_text_encodes_as_tokenizers_does(tokenizer: TokenizerSpec) -> None:
    coder = encoder(tokenizer)
    assert coder.problem is None
    assert_same(coder, ADVERSARIAL)
    assert not {0, 1} & set(coder.encode_batch(ADVERSARIAL)[0].tolist())


def test_adversarial_text_with_the_real_vocabulary(real_tokenizer: TokenizerSpec) -> None:
    assert (real_tokenizer.identity.end_of_text_id, real_tokenizer.identity.pad_id) == (0, 1)
    assert real_tokenizer.dtype == np.uint16
    assert_same(encoder(real_tokenizer), ADVERSARIAL)


def test_words_are_forgotten_after_a_while_and_ids_stay(
    tokenizer: TokenizerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, forgetful, loaded = Encoder(tokenizer), Encoder(tokenizer), []
    monkeypatch.setattr("dataprep.tokens.encoder.FORGET_AFTER", 40)
    fresh = forgetful._load
    monkeypatch.setattr(forgetful, "_load", lambda: loaded.append(1) or fresh())
    for number in range(12):
        texts = [f"word {number} again", "and again"]
        for ours, expected in zip(forgetful.encode_batch(texts), whole.encode_reference(texts), strict=True):
            assert np.array_equal(ours, expected)
    assert len(loaded) == 6, "23 or 24 characters a batch: at every second one"


SPELT = ["<|endoftext|>", "<|padding|>", "|||EMAIL_ADDRESS|||", "<|endoftext", "|>", "<", "|"]
PIECES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(SPELT),
    st.integers(1, 70).map(lambda count: " " * count),
    st.sampled_from(["\x00", "\t", "\r\n", "\n\n\n", "\u00a0", "\u200d", "\ufeff", "\u0301", "\x1c"]),
    st.text("\U0001f468\u200d\U0001f469\ufe0f\U0001f3fd\U0001f1e6\U0001f1fa", max_size=12),
    st.text("aб語ع한ไनß", max_size=30),
    st.text("0123456789.,", max_size=30),
    st.sampled_from(["'s", "'LL", "don't", "I'VE", "''d"]),
)
ADVERSARIAL_TEXTS = st.lists(st.lists(PIECES, max_size=8).map("".join), max_size=6)


@settings(max_examples=100, deadline=None)
@given(ADVERSARIAL_TEXTS)
def test_any_text_encodes_as_tokenizers_does(tokenizer: TokenizerSpec, texts: list[str]) -> None:
    assert_same(encoder(tokenizer), texts)
    assert not {0, 1} & set(encoder(tokenizer).encode_batch(texts)[0].tolist())


@settings(max_examples=80, deadline=None)
@given(ADVERSARIAL_TEXTS)
def test_any_text_encodes_as_tokenizers_does_with_the_real_vocabulary(
    real_tokenizer: TokenizerSpec, texts: list[str]
) -> None:
    coder = encoder(real_tokenizer)
    assert_same(coder, texts)
    assert not {0, 1} & set(coder.encode_batch(texts)[0].tolist())


@settings(max_examples=3, deadline=None)  # a second each: `tokenizers` is slow on such words
@given(st.sampled_from(["x", "ab", "é", "語", " ", "\x00", "\U0001f600", "a1", "<|endoftext|>"]), st.integers(0, 99))
def test_a_word_of_a_megabyte(tokenizer: TokenizerSpec, unit: str, more: int) -> None:
    assert_same(encoder(tokenizer), [unit * ((1 << 20) // len(unit.encode()) + more), unit])


def test_what_gigatoken_does_not_support_falls_back_with_a_reason(tokenizer_dir: Path, tmp_path: Path) -> None:
    path = changed(tokenizer_dir, tmp_path, lambda parsed: parsed.update(pre_tokenizer={"type": "Whitespace"}))
    coder = encoder(load(path))
    encode, problem = coder.choose(["some text"])
    assert problem
    assert encode == coder.encode_reference


def test_a_difference_on_the_sample_falls_back_with_a_reason(tokenizer: TokenizerSpec, tokenizer_dir: Path) -> None:
    coder = Encoder(tokenizer)
    assert coder.choose(["the text"]) == (coder.encode_batch, None)
    without_merges = json.loads(tokenizer.json)
    without_merges["model"]["merges"] = []
    coder._fast = Encoder(TokenizerSpec(json.dumps(without_merges).encode(), tokenizer.identity))._fast
    encode, problem = coder.choose(["the text"])
    assert encode == coder.encode_reference
    assert problem is not None
    assert "differ" in problem
