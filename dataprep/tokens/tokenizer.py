"""Encodes text at the speed of gigatoken, with the ids of Hugging Face `tokenizers`.

gigatoken is exact for the tokenizers it supports, but "supports" is for each task to show: a sample of its documents
is encoded by both, and where they disagree, or gigatoken cannot load the tokenizer, `tokenizers` does the work and a
warning goes into the manifest.

Text that spells a special token (`a<|endoftext|>b`) is data: a document must not be able to end itself. `tokenizers`
has a switch for that; for gigatoken the special entries are left out of the JSON that it loads (added tokens that are
not special, such as GPT-NeoX's runs of spaces, stay).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from common.errors import InputError
from dataprep.storage import files
from schemas.manifest import TokenizerIdentity

END_OF_TEXT = "<|endoftext|>"
PAD = "<|padding|>"


@dataclass(frozen=True)
class TokenizerSpec:
    """A tokenizer as it travels to the executors: the JSON itself, so that no machine needs the file."""

    json: bytes
    identity: TokenizerIdentity

    @property
    def dtype(self) -> np.dtype[Any]:
        """Smallest unsigned type that holds every id, the image placeholder included: uint16 or uint32."""
        return np.dtype(np.uint16 if self.identity.image_id <= np.iinfo(np.uint16).max else np.uint32)


def load(path: str, *, end_of_text: str | int = END_OF_TEXT, pad: str | int = PAD) -> TokenizerSpec:
    """Read a `tokenizer.json`, or the one in a directory, and check its special tokens.

    Args:
        end_of_text: the special token that ends a document, by text or id.
        pad: the special token that fills the last window, by text or id.

    Raises:
        InputError: no such file, not a tokenizer, or the two are not distinct special tokens of it.
    """
    uri = files.absolute(path)
    if not uri.endswith(".json"):
        uri = files.join(uri, "tokenizer.json")
    data = files.read_bytes(uri)
    try:
        parsed = orjson.loads(data)
        vocabulary = _vocabulary(parsed)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
        raise InputError("not a Hugging Face tokenizer.json", file=uri, remedy="name one, or its directory") from None
    special = _special(parsed)
    ids = {role: special_id(role, text, special, vocabulary, uri) for role, text in _roles(end_of_text, pad)}
    if ids["end_of_text"] == ids["pad"]:
        raise InputError(
            f"pad and end of text are the same token {pad!r}",
            file=uri,
            field="pad",
            remedy="padding must be told from the end of a document: choose another special token",
        )
    size = max(vocabulary.values()) + 1
    identity = TokenizerIdentity(
        digest=hashlib.sha256(data).hexdigest(),
        vocabulary_size=size,
        end_of_text_id=ids["end_of_text"],
        pad_id=ids["pad"],
        image_id=size,
    )
    return TokenizerSpec(data, identity)


def _roles(end_of_text: str | int, pad: str | int) -> tuple[tuple[str, str | int], tuple[str, str | int]]:
    return ("end_of_text", end_of_text), ("pad", pad)


def vocabularies(spec: TokenizerSpec) -> tuple[dict[str, int], dict[str, int]]:
    """Ids of the special tokens, and of all tokens, by text."""
    parsed = orjson.loads(spec.json)
    return _special(parsed), _vocabulary(parsed)


def _special(parsed: dict[str, Any]) -> dict[str, int]:
    return {token["content"]: int(token["id"]) for token in parsed.get("added_tokens") or [] if token.get("special")}


def _vocabulary(parsed: dict[str, Any]) -> dict[str, int]:
    """Id by token text, added tokens included."""
    entries = parsed["model"]["vocab"]
    if isinstance(entries, list):  # Unigram: [[token, score], ...]
        entries = {token: index for index, (token, _) in enumerate(entries)}
    return {**entries, **{token["content"]: int(token["id"]) for token in parsed.get("added_tokens") or []}}


def special_id(role: str, named: str | int, special: dict[str, int], vocabulary: dict[str, int], uri: str) -> int:
    """The id of the token that a setting names. Only a special token will do: text can never produce one."""
    text = next((text for text, id in vocabulary.items() if id == named), None) if isinstance(named, int) else named
    if text in special:
        return special[text]
    known = ", ".join(f"{one} ({special[one]})" for one in sorted(special)[:8]) or "none"
    if text in vocabulary:
        shown = repr(text) if text.strip() else f"a run of {len(text)} blanks"
        problem = f"{shown} is an ordinary token (id {vocabulary[text]}), which real text produces"
    else:
        problem = f"the vocabulary has no special token {named!r}"
    raise InputError(problem, file=uri, field=role, remedy=f"name one of its special tokens: {known}")
