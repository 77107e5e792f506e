"""Makes the tokenizer and processor of an export: a prompt and an image become the ids and pixels that training saw.

The tokenizer is the data's own file. Added to it is `<image>` at the placeholder's id, the first one after the
vocabulary, and `<end_of_turn>` after that where the data has it. The processor writes `<image>` as often as the encoder
yields tokens.
"""

from __future__ import annotations

from pathlib import Path

from transformers import LlavaProcessor, PreTrainedTokenizerFast

from common.errors import InputError
from schemas.conversation_format import IMAGE_TOKEN, ConversationFormat
from schemas.manifest import ImageGeometry, TokenizerIdentity
from train.export.image_processor import image_processor


def hf_tokenizer(
    file: Path, identity: TokenizerIdentity, conversation: ConversationFormat, max_length: int, *, images: bool
) -> PreTrainedTokenizerFast:
    """The data's tokenizer as transformers knows it.

    `eos_token` stays the end of text, which starts texts that have no context; what ends an answer is in the configs.

    Raises:
        InputError: its size is not what the data was made with, so added tokens would get other ids.
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
    added = {IMAGE_TOKEN: identity.image_id} if images else {}
    if conversation.end_of_turn is not None and conversation.end_of_turn_id == identity.image_id + 1:
        added = {IMAGE_TOKEN: identity.image_id, conversation.end_of_turn: identity.image_id + 1}
    tokenizer.add_special_tokens({"additional_special_tokens": list(added)})
    for token, wanted in added.items():
        if (got := tokenizer.convert_tokens_to_ids(token)) != wanted:
            raise InputError(
                f"'{token}' would get id {got}, the model was trained with {wanted}",
                file=file,
                remedy="use a tokenizer whose ids have no gaps and that has no token of this name",
            )
    tokenizer.chat_template = conversation.chat_template(images=images)
    return tokenizer


def processor(tokenizer: PreTrainedTokenizerFast, geometry: ImageGeometry) -> LlavaProcessor:
    """Prompts with `<image>` repeated for every token of an image, and its pixels."""
    return LlavaProcessor(
        image_processor=image_processor(geometry),
        tokenizer=tokenizer,
        patch_size=geometry.patch,
        vision_feature_select_strategy="full",
        chat_template=tokenizer.chat_template,
        image_token=IMAGE_TOKEN,
    )
