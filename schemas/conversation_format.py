r"""Defines how a conversation is written: what `dataprep` packs, `evaluate` asks and an export's chat template renders.

    version 2   [image]USER: {question}\nASSISTANT: {answer}<end of turn>USER: ...\nASSISTANT: {answer}<end of turn>
    version 1   [image]USER: {question}\nASSISTANT: {answer}\nUSER: ...\nASSISTANT: {answer}

In a dataset the end-of-text id follows the last answer, and nothing else is the border of a document. Version 1 closes
every answer but the last with a line break, which answers contain too: its models cannot be told where to stop. In
version 2 one id closes every answer and stands nowhere else, since text that spells a special token stays text.

The id is the tokenizer's own where it has a special token for that (`KNOWN_ENDS`). The end-of-text id will not do: it
is the border of documents, and attention, packing and takedowns count documents by it. A tokenizer without such a token
(GPT-NeoX has none) gets `<end_of_turn>`, the id after the image placeholder: no text produces it, the embedding has a
row for it already because rows are padded to a multiple of 64, and llama.cpp stops at a token of this name by itself.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.strict_model import Strict

PROMPT = "USER: {question}\nASSISTANT:"
ANSWER = " {answer}"
BETWEEN = "\n"
"""Version 1: closes every answer but the last."""
END_OF_TURN = "<end_of_turn>"
"""Text of the token that is added where a tokenizer has none of its own."""
KNOWN_ENDS = ("<|im_end|>", "<|eot_id|>", "<|end_of_turn|>", END_OF_TURN, "<|end|>", "<|eot|>", "<end_of_utterance>")
"""Special tokens that close a turn in published tokenizers (Qwen, Llama 3, OpenChat, Gemma, Phi, Llama 4, SmolVLM)."""
IMAGE_TOKEN = "<image>"
"""Text of the image placeholder in an export."""


class ConversationFormat(Strict):
    """Which format a dataset's conversations have."""

    version: Literal[1, 2]
    end_of_turn: str | None = None
    """Text of the token that closes every answer; None in version 1."""
    end_of_turn_id: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _ends_its_turns(self) -> Self:
        if (self.version == 1) != (self.end_of_turn is None) or (self.version == 1) != (self.end_of_turn_id is None):
            raise ValueError("version 2 names the token that ends a turn, version 1 has none")
        return self

    def __str__(self) -> str:
        end = "" if self.version == 1 else f", turns end with '{self.end_of_turn}' (id {self.end_of_turn_id})"
        return f"version {self.version}{end}"

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which an answer ends: none where an id says it."""
        return (BETWEEN,) if self.version == 1 else ()

    def ends(self, end_of_text_id: int) -> list[int]:
        """Ids at which an answer ends."""
        return [end_of_text_id] if self.end_of_turn_id is None else [self.end_of_turn_id, end_of_text_id]

    def chat_template(self, *, images: bool) -> str:
        """The Jinja template that writes messages in this format; `images`: whether the model sees any."""
        opening, header = PROMPT.split("{question}")
        before, after = ANSWER.split("{answer}")
        picture = "set said.images = said.images + 1" if images else "set refused = raise_exception('no image side')"
        close = "set turn.between = between" if self.version == 1 else "set turn.between = ''"
        filled = _TEMPLATE.replace("COUNT_IMAGE", picture).replace("CLOSE", close)
        texts = {
            "IMAGE": IMAGE_TOKEN,
            "OPENING": opening,
            "HEADER": header,
            "BEFORE": before,
            "AFTER": after + (self.end_of_turn or ""),
            "BETWEEN": BETWEEN,
        }
        return "".join(f"{{%- set {name.lower()} = {_literal(text)} -%}}\n" for name, text in texts.items()) + filled


VERSION_1 = ConversationFormat(version=1)
"""The format of datasets whose manifest names none, and of prompts to models that have seen no conversation."""


def prompt(question: str) -> str:
    """Everything before an answer, images aside."""
    return PROMPT.format(question=question)


def answer(text: str) -> str:
    """An answer as it follows its prompt; the two are encoded apart, so no token straddles them."""
    return ANSWER.format(answer=text)


def _literal(text: str) -> str:
    """`text` as a Jinja string."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


_TEMPLATE = """\
{%- set turn = namespace(role='user', system='', between='') -%}
{%- for message in messages -%}
{%- set said = namespace(text='', images=0) -%}
{%- if message['content'] is string -%}
{%- set said.text = message['content'] -%}
{%- else -%}
{%- for part in message['content'] -%}
{%- if part['type'] == 'text' -%}
{%- set said.text = said.text + ' ' + part['text'] -%}
{%- elif part['type'] in ('image', 'image_url') -%}
{%- COUNT_IMAGE -%}
{%- else -%}
{{- raise_exception('a message holds text and images only') -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- if message['role'] == 'system' and loop.first -%}
{%- set turn.system = said.text | trim + '\\n' -%}
{%- elif message['role'] != turn.role -%}
{{- raise_exception('user and assistant must take turns, after one system message at most') -}}
{%- elif message['role'] == 'user' -%}
{{- turn.between + image * said.images + opening + turn.system + said.text | trim -}}
{%- set turn.system = '' -%}
{%- set turn.role = 'assistant' -%}
{%- else -%}
{{- header + before + said.text | trim + after -}}
{%- CLOSE -%}
{%- set turn.role = 'user' -%}
{%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt and turn.role == 'assistant' -%}
{{- header -}}
{%- endif -%}
"""
"""A system message, which the data has none of, stands above the first question as its first lines."""
