"""Encodes documents to token ids, by gigatoken where it agrees with tokenizers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from dataprep.tokens.tokenizer import TokenizerSpec

FORGET_AFTER = 1 << 30
"""Characters after which gigatoken is loaded anew. It remembers every word that it has met, for good: a worker that
lives through terabytes would fill the machine with them."""


Ids = npt.NDArray[np.uint32]


Lengths = npt.NDArray[np.int64]


Encode = Callable[[Sequence[str]], tuple[Ids, Lengths]]


def reference(spec: TokenizerSpec) -> Any:
    """The `tokenizers` tokenizer of `spec`: no truncation, no padding, special tokens that text spells stay text."""
    import tokenizers

    loaded = tokenizers.Tokenizer.from_str(spec.json.decode())
    loaded.encode_special_tokens = True
    loaded.no_truncation()
    loaded.no_padding()
    return loaded


@functools.lru_cache(maxsize=2)
def encoder(spec: TokenizerSpec) -> Encoder:
    """This process's encoder for `spec`; loading takes most of a second, so workers keep it."""
    return Encoder(spec)


class Encoder:
    """Encodes batches of documents; special tokens spelled in text stay text. Not thread-safe."""

    def __init__(self, spec: TokenizerSpec) -> None:
        self.spec = spec
        self.problem: str | None = None
        """Why gigatoken cannot be used; None where it can."""
        self._fast: Any = None
        self._characters = 0
        """Encoded since `_fast` was loaded."""
        try:
            self._fast = self._load()
        except Exception as error:  # gigatoken raises its own kinds for tokenizers that it does not support
            self.problem = f"gigatoken cannot load this tokenizer ({str(error).splitlines()[0][:200]})"

    def _load(self) -> Any:
        import gigatoken

        return gigatoken.Tokenizer.from_json(_without_special(self.spec.json)).backend

    @functools.cached_property
    def reference(self) -> Any:
        """The `tokenizers` tokenizer that decides what is right."""
        return reference(self.spec)

    def encode_batch(self, texts: Sequence[str]) -> tuple[Ids, Lengths]:
        """Ids of all documents, one after the other, and how many each has; no special tokens are added.

        Args:
            texts: documents, valid Unicode (no lone surrogates).
        """
        if self._fast is None:
            return self.encode_reference(texts)
        if not texts:
            return np.empty(0, np.uint32), np.empty(0, np.int64)
        self._characters += sum(map(len, texts))
        if self._characters > FORGET_AFTER:
            self._fast, self._characters = None, 0  # the old one goes before the new one comes
            self._fast = self._load()
        layout = self._fast.encode_batch(list(texts), parallel=False).layout
        offsets = np.asarray(layout.offsets.data)
        return np.asarray(layout.content.data)[offsets[0] : offsets[-1]], np.diff(offsets)

    def encode_reference(self, texts: Sequence[str]) -> tuple[Ids, Lengths]:
        """Encodes like `encode_batch`, by `tokenizers`."""
        ids = [one.ids for one in self.reference.encode_batch_fast(list(texts), add_special_tokens=False)]
        lengths = np.fromiter(map(len, ids), np.int64, len(ids))
        return np.fromiter((i for one in ids for i in one), np.uint32, int(lengths.sum())), lengths

    def choose(self, sample: Sequence[str]) -> tuple[Encode, str | None]:
        """The function to encode an input with, and why that is not gigatoken (None where it is).

        Args:
            sample: some of the input's documents, on which both are compared.
        """
        if self.problem is None:
            fast, reference = self.encode_batch(sample), self.encode_reference(sample)
            if np.array_equal(fast[0], reference[0]) and np.array_equal(fast[1], reference[1]):
                return self.encode_batch, None
        return self.encode_reference, self.problem or "gigatoken's ids differ from those of tokenizers on a sample"


def _without_special(json: bytes) -> bytes:
    parsed = orjson.loads(json)
    parsed["added_tokens"] = [token for token in parsed.get("added_tokens") or [] if not token.get("special")]
    return orjson.dumps(parsed)
