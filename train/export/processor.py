"""Tokenizer and processor of an export: a prompt and an image become the ids and pixels that training saw.

The tokenizer is the data's own file. One token is added to it, `<image>`, which takes the placeholder's id: the first
one after the vocabulary. The processor writes it as often as the encoder yields tokens.
"""

from __future__ import annotations

from pathlib import Path

from transformers import LlavaProcessor, PreTrainedTokenizerFast

from common.errors import InputError
from schemas.manifest import ImageGeometry, TokenizerIdentity
from train.export.image_processor import image_processor

IMAGE_TOKEN = "<image>"
CHAT_TEMPLATE = """\
{%- for message in messages -%}
{%- if message['content'] is string -%}
{%- set text = message['content'] -%}
{%- set images = 0 -%}
{%- else -%}
{%- set text = message['content'] | selectattr('type', 'equalto', 'text') | map(attribute='text') | join(' ') -%}
{%- set images = message['content'] | selectattr('type', 'equalto', 'image') | list | length -%}
{%- endif -%}
{%- if message['role'] == 'assistant' -%}
{{- ' ' + text -}}
{%- else -%}
{%- if not loop.first %}{{ '\n' }}{% endif -%}
{{- '<image>' * images + 'USER: ' + text + '\nASSISTANT:' -}}
{%- endif -%}
{%- endfor -%}
"""
"""Conversations as dataprep writes them: `[image]USER: ...\\nASSISTANT: ...`, rounds joined by line breaks."""


def hf_tokenizer(file: Path, identity: TokenizerIdentity, max_length: int, *, images: bool) -> PreTrainedTokenizerFast:
    """The data's tokenizer as transformers knows it.

    Raises:
        InputError: its size is not what the data was made with, so `<image>` would get another id.
    """
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(file),
        clean_up_tokenization_spaces=False,
        model_max_length=max_length,
        model_input_names=["input_ids", "attention_mask"],
        padding_side="left",  # generation starts at the prompt's end; an argument, since attributes are not saved
    )
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(identity.end_of_text_id)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(identity.pad_id)
    if images:
        tokenizer.add_special_tokens({"additional_special_tokens": [IMAGE_TOKEN]})
        if (got := tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)) != identity.image_id:
            raise InputError(
                f"'{IMAGE_TOKEN}' would get id {got}, the model was trained with {identity.image_id}",
                file=file,
                remedy="use a tokenizer whose ids have no gaps and that has no token of this name",
            )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def processor(tokenizer: PreTrainedTokenizerFast, geometry: ImageGeometry) -> LlavaProcessor:
    """Prompts with `<image>` repeated for every token of an image, and its pixels."""
    return LlavaProcessor(
        image_processor=image_processor(geometry),
        tokenizer=tokenizer,
        patch_size=geometry.patch,
        vision_feature_select_strategy="full",
        chat_template=CHAT_TEMPLATE,
        image_token=IMAGE_TOKEN,
    )
