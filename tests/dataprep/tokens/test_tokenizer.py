"""Tests of which tokenizers and special tokens are taken, and what the lint refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from dataprep.tokens.encoder import encoder
from dataprep.tokens.tokenizer import TokenizerSpec, load
from tests.helpers.small_tokenizer import changed


def test_identity_and_type(tokenizer: TokenizerSpec) -> None:
    identity = tokenizer.identity
    assert (identity.end_of_text_id, identity.pad_id) == (0, 1)
    assert identity.image_id == identity.vocabulary_size == 266
    assert tokenizer.dtype == np.uint16


def test_dclms_own_pad_is_refused(real_tokenizer: TokenizerSpec, real_tokenizer_dir: Path) -> None:
    """DCLM's token files are padded with 50256, which text of 22 spaces encodes to."""
    assert encoder(real_tokenizer).encode_batch([" " * 22])[0].tolist() == [50256]
    for pad in (50256, " " * 22):
        with pytest.raises(InputError, match=r"pad: a run of 22 blanks is an ordinary token \(id 50256\).*padding"):
            load(str(real_tokenizer_dir), pad=pad)
    assert load(str(real_tokenizer_dir), pad=1, end_of_text=0).identity == real_tokenizer.identity
    with pytest.raises(InputError, match="end_of_text: the vocabulary has no special token 99999"):
        load(str(real_tokenizer_dir), end_of_text=99999)


def test_the_lint_refuses_ids_that_real_text_produces(tokenizer_dir: Path) -> None:
    with pytest.raises(InputError, match=r"pad: a run of 4 blanks is an ordinary token \(id 265\)"):
        load(str(tokenizer_dir), pad="    ")
    with pytest.raises(InputError, match=r"end_of_text: the vocabulary has no special token '</s>'"):
        load(str(tokenizer_dir), end_of_text="</s>")
    with pytest.raises(InputError, match="same token"):
        load(str(tokenizer_dir), pad="<|endoftext|>")


def test_not_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the file"):
        load(str(tmp_path))
    for text in ("{}", "[", "[1]", '{"model": {"vocab": 3}}'):
        (tmp_path / "tokenizer.json").write_text(text)
        with pytest.raises(InputError, match="not a Hugging Face tokenizer"):
            load(str(tmp_path))


def test_big_vocabularies_need_uint32(tokenizer_dir: Path, tmp_path: Path) -> None:
    last = {"id": 65535, "content": "<|last|>", "special": True}
    path = changed(tokenizer_dir, tmp_path, lambda parsed: parsed["added_tokens"].append(last))
    assert load(path).dtype == np.uint32
