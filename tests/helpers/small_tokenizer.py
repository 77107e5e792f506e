"""Fixtures: a small byte-level tokenizer made on the spot, and the real one where the environment names it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dataprep.tokens.tokenizer import TokenizerSpec


def byte_level_tokenizer() -> dict[str, object]:
    """A byte-level BPE with a few merges, GPT-NeoX's special tokens and one non-special added token."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    extra = [byte for byte in range(256) if byte not in printable]
    alphabet = [chr(byte) for byte in printable] + [chr(256 + n) for n in range(len(extra))]
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("i", "n"), ("a", "n"), ("an", "d"), ("Ġ", "and")]
    tokens = ["<|endoftext|>", "<|padding|>", *alphabet, *("".join(pair) for pair in merges)]
    vocabulary = {token: index for index, token in enumerate(tokens)}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": index, "content": tokens[index], **special} for index in (0, 1)]
    added.append({"id": len(tokens), "content": "    ", **special, "special": False, "normalized": True})
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "vocab": vocabulary, "merges": [list(pair) for pair in merges]}
    defaults = {"dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": byte_level,
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {**model, **defaults, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False},
    }


def changed(folder: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> str:
    """Writes the `tokenizer.json` of `folder` to `target`, with a change; returns `target`."""
    parsed = json.loads((folder / "tokenizer.json").read_text())
    change(parsed)
    (target / "tokenizer.json").write_text(json.dumps(parsed))
    return str(target)


@pytest.fixture(scope="session")
def tokenizer_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a small `tokenizer.json`."""
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "tokenizer.json").write_text(json.dumps(byte_level_tokenizer()))
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_dir: Path) -> TokenizerSpec:
    """The small tokenizer, loaded."""
    from dataprep.tokens.tokenizer import load

    return load(str(tokenizer_dir))


@pytest.fixture(scope="session")
def real_tokenizer_dir() -> Path:
    """The directory of the real GPT-NeoX tokenizer, where the environment names it."""
    folder = os.environ.get("SWITCHPOINT_TOKENIZER")
    if not folder:
        pytest.skip("SWITCHPOINT_TOKENIZER names no tokenizer directory")
    return Path(folder)


@pytest.fixture(scope="session")
def real_tokenizer(real_tokenizer_dir: Path) -> TokenizerSpec:
    """The real tokenizer, loaded."""
    from dataprep.tokens.tokenizer import load

    return load(str(real_tokenizer_dir))
