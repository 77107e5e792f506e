"""Chooses the id that ends a turn: a special token of the tokenizer, or the id after the image placeholder."""

from __future__ import annotations

from dataclasses import replace

from common.errors import InputError
from dataprep.conversations.config import ConversationsJob
from dataprep.image_text import settings
from dataprep.image_text.settings import TaskSpec
from dataprep.tokens import tokenizer as tokenizers
from dataprep.tokens.tokenizer import TokenizerSpec
from schemas.conversation_format import END_OF_TURN, KNOWN_ENDS, ConversationFormat


def task_spec(job: ConversationsJob) -> TaskSpec:
    """Load the tokenizer, fix the windows' layout and the end of a turn. Raises InputError for an unfit tokenizer."""
    spec = settings.task_spec(job, masked=True)
    return replace(spec, conversation=conversation_format(spec.tokenizer, job.tokenizer, job.end_of_turn))


def conversation_format(spec: TokenizerSpec, file: str, named: str | None = None) -> ConversationFormat:
    """The current format under the tokenizer `spec`, read from `file`.

    Args:
        named: the special token that ends a turn; None: the first of `KNOWN_ENDS` that the tokenizer has, or a new one.

    Raises:
        InputError: `named` is no special token or has another role, or a new token has no place.
    """
    identity = spec.identity
    taken = {identity.end_of_text_id, identity.pad_id}
    special, vocabulary = tokenizers.vocabularies(spec)
    if named is not None:
        found = tokenizers.special_id("end_of_turn", named, special, vocabulary, file)
        if found in taken:
            problem = f"'{named}' ends documents or pads already"
            remedy = "name another special token, or leave `end_of_turn` out"
            raise InputError(problem, file=file, field="end_of_turn", remedy=remedy)
        return ConversationFormat(version=2, end_of_turn=named, end_of_turn_id=found)
    known = next((one for one in KNOWN_ENDS if special.get(one, identity.pad_id) not in taken), None)
    if known is not None:
        return ConversationFormat(version=2, end_of_turn=known, end_of_turn_id=special[known])
    new = identity.image_id + 1
    remedy = "let `end_of_turn` name a special token of the tokenizer"
    if END_OF_TURN in vocabulary:
        problem = f"'{END_OF_TURN}' is a token of the tokenizer, but no special one"
        raise InputError(problem, file=file, field="end_of_turn", remedy=remedy)
    if new >= identity.embedding_rows:
        problem = f"no room for an end of turn: id {new} is beyond the {identity.embedding_rows} rows of an embedding"
        raise InputError(problem, file=file, field="end_of_turn", remedy=remedy)
    return ConversationFormat(version=2, end_of_turn=END_OF_TURN, end_of_turn_id=new)
