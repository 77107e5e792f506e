"""Encodes questions as the model met them in fine-tuning (`schemas.conversation_format`).

Prompt and answer are encoded apart, as dataprep encodes them, so no token ever straddles the two; and text that spells
a special token stays text.
"""

from __future__ import annotations

from typing import NamedTuple

from tokenizers import Tokenizer

from schemas.conversation_format import answer, prompt
from schemas.manifest import ImageGeometry, TokenizerIdentity


class Prompt(NamedTuple):
    """One choice of one question, as ids."""

    question: int
    """Index of the question."""
    choice: int
    ids: list[int]
    """Prompt, then the choice."""
    choice_length: int
    """How many ids at the end are the choice's, with the end of its turn where that counts."""


class PromptEncoder:
    """Builds prompts; without a geometry the image block is left out. The tokenizer must keep special text as text.

    `end_of_turn` is the id that closes an answer in the model's conversations, None where there is none.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        identity: TokenizerIdentity,
        geometry: ImageGeometry | None,
        end_of_turn: int | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._end = [] if end_of_turn is None else [end_of_turn]
        self._image_block = [] if geometry is None else [identity.image_id] * geometry.tokens

    def stem(self, question: str, image: bool) -> list[int]:
        """Everything before the answer."""
        return [*(self._image_block if image else []), *self.text(prompt(question))]

    def choices(self, index: int, stem: list[int], choices: tuple[str, ...]) -> list[Prompt]:
        """A prompt for each choice of question number `index`.

        A choice is at least as likely as any that goes on from it ("red", "red and blue"), so where there are such
        choices, the end of the turn counts as part of each. Elsewhere it does not, as in lm-eval and vlm-evaluation.
        """
        answers = [self.text(answer(choice)) for choice in choices]
        if any(one != other and other[: len(one)] == one for one in answers for other in answers):
            answers = [ids + self._end for ids in answers]
        return [Prompt(index, number, stem + ids, len(ids)) for number, ids in enumerate(answers)]

    def text(self, text: str) -> list[int]:
        """Ids of a text, special tokens spelt out."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids
