"""The world's tokenizer: byte-level BPE in the manner of GPT-NeoX-20B, trained on the world's own text.

Same pipeline as the original (NFC, byte-level pre-tokenizer without a prefix space), same two special tokens at the
same ids (`<|endoftext|>` 0, `<|padding|>` 1), a vocabulary of 1,024 instead of 50,277.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

END_OF_TEXT, PADDING = "<|endoftext|>", "<|padding|>"
VOCABULARY = 1024


def train(texts: Iterable[str]) -> Tokenizer:
    """Train on `texts`; the result depends on them alone."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END_OF_TEXT, PADDING],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def save(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `folder/tokenizer.json`."""
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
