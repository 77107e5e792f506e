"""Questions as the model met them in fine-tuning: image block, "USER: ...", "ASSISTANT:", then the answer.

Prompt and answer are encoded apart, as dataprep encodes them, so no token ever straddles the two; and text that spells
a special token stays text.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tokenizers import Tokenizer

from schemas.manifest import ImageGeometry, TokenizerIdentity
from train.evaluation.questions import Question
from train.tokenizer import checked_tokenizer


class Prompt(NamedTuple):
    """One choice of one question, as ids."""

    question: int
    """Index of the question."""
    choice: int
    ids: list[int]
    """Prompt, then the choice."""
    choice_length: int
    """How many ids at the end are the choice's."""


class PromptEncoder:
    """Builds prompts; `blind` leaves the image block out."""

    def __init__(
        self, tokenizer: Path, identity: TokenizerIdentity, geometry: ImageGeometry | None, *, blind: bool
    ) -> None:
        self._tokenizer = Tokenizer.from_file(str(checked_tokenizer(tokenizer, identity)))
        self._tokenizer.encode_special_tokens = True
        self._image_block = [] if blind or geometry is None else [identity.image_id] * geometry.tokens

    def prompts(self, index: int, question: Question) -> list[Prompt]:
        """A prompt for each choice of question number `index`."""
        head = self._image_block if question.image is not None else []
        stem = [*head, *self._encode(f"USER: {question.question}\nASSISTANT:")]
        choices = [self._encode(f" {choice}") for choice in question.choices]
        return [Prompt(index, number, stem + ids, len(ids)) for number, ids in enumerate(choices)]

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids
