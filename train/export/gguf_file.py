"""Writes the text half of a checkpoint as one GGUF file, which llama.cpp reads: `python -m train export RUN F --gguf`.

The decoder is what llama.cpp calls `llama` or `qwen3`; tensors are renamed, and a Llama's queries and keys are put into
the row order of its rotary positions (pairs side by side; Hugging Face has halves). Encoder and projector stay out:
llama.cpp reads none of ours. The tokenizer's regular expression has a name there instead of a text, so only the
tokenizers in `PRE_TOKENIZERS` convert.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PretrainedConfig, PreTrainedModel

from common import atomic_files
from common.errors import InputError
from train.export.description import Exported
from train.export.export_folder import described_as
from train.export.hugging_face_model import hugging_face, load, sequence_length
from train.export.processor import hf_tokenizer
from train.tokenizer_check import tokenizer_of

_CASELESS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
PRE_TOKENIZERS = {
    "": "gpt-2",
    _CASELESS + r"\p{N}" + _REST: "qwen2",
    _CASELESS + r"\p{N}{1,3}" + _REST: "llama-bpe",
}
"""Regular expression before the bytes (none: that of the ByteLevel step, as GPT-NeoX has it) -> llama.cpp's name."""


class Vocabulary(NamedTuple):
    """Tokens as a GGUF file lists them."""

    pre: str
    texts: list[str]
    """Of every row of the embedding."""
    kinds: list[int]
    """gguf.TokenType of each."""
    merges: list[str]


def export_gguf(
    path: Path, out: Path, *, tokenizer: Path | None = None, dtype: str = "float32", licence: str | None = None
) -> Exported:
    """Write the decoder of the checkpoint at `path` as the GGUF file `out`; norms are in fp32 whatever `dtype` is.

    Raises:
        InputError: the checkpoint or its tokenizer cannot be used, or `out` is taken; nothing is written then.
    """
    gguf = _library()
    if out.exists():
        raise InputError("something is here already", file=out, remedy="name another file, or remove this one")
    loaded = load(path)
    saved = loaded.saved
    file = tokenizer_of(tokenizer, saved.run.tokenizer, saved.tokenizer)
    length, conversation = sequence_length(loaded), saved.conversation_format
    known = hf_tokenizer(file, saved.tokenizer, conversation, length, images=False)
    vocabulary = vocabulary_of(json.loads(known.backend_tokenizer.to_str()), file, saved.tokenizer.embedding_rows)
    model = hugging_face(loaded, decoder_only=True)
    told = described_as(loaded, type(model).__name__, dtype, None)
    with atomic_files.new_file(out, shared=True) as partial:
        writer = gguf.GGUFWriter(partial, model.config.model_type)
        writer.add_name(f"Sample {told.position:,} of schedule {told.schedule[:12]}")
        writer.add_string("switchpoint.export", told.model_dump_json(exclude={"digests", "seal"}))
        if licence:
            writer.add_license(licence)
        _add_shape(writer, model.config)
        _add_vocabulary(writer, vocabulary)
        writer.add_eos_token_id(conversation.ends(saved.tokenizer.end_of_text_id)[0])
        writer.add_eot_token_id(conversation.ends(saved.tokenizer.end_of_text_id)[0])
        writer.add_pad_token_id(saved.tokenizer.pad_id)
        writer.add_chat_template(conversation.chat_template(images=False))
        kind = gguf.GGMLQuantizationType.BF16 if dtype == "bfloat16" else gguf.GGMLQuantizationType.F32
        writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if dtype == "bfloat16" else gguf.LlamaFileType.ALL_F32)
        for name, values in _tensors(model):
            raw = kind if values.ndim > 1 else gguf.GGMLQuantizationType.F32
            writer.add_tensor(name, gguf.quants.quantize(values, raw), raw_dtype=raw)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    return told


def vocabulary_of(said: dict[str, Any], file: Path, rows: int) -> Vocabulary:
    """The vocabulary of the `tokenizer.json` whose content is `said`, with a text for each of the embedding's `rows`.

    Raises:
        InputError: llama.cpp would split texts otherwise.
    """
    from gguf import TokenType

    model, added = said["model"], said["added_tokens"]
    pattern = _pattern(said["pre_tokenizer"])
    pre = PRE_TOKENIZERS.get(pattern) if pattern is not None else None
    odd = [
        *([] if model["type"] == "BPE" else [f"model {model['type']}"]),
        *([] if pre else ["pre_tokenizer"]),
        *([] if (said["normalizer"] or {}).get("type") in (None, "NFC") else ["normalizer"]),
        *(name for name in ("byte_fallback", "continuing_subword_prefix", "end_of_word_suffix") if model.get(name)),
        *(["ignore_merges"] if pre and bool(model.get("ignore_merges")) != (pre == "llama-bpe") else []),
        *(token["content"] for token in added if token["lstrip"] or token["rstrip"] or token["single_word"]),
    ]
    if odd or pre is None:
        remedy = "leave --gguf out; llama.cpp knows the tokenizers of GPT-NeoX, Qwen and Llama 3"
        raise InputError(f"no tokenizer that llama.cpp has: {', '.join(odd)}", file=file, remedy=remedy)
    texts = [f"[PAD{row}]" for row in range(rows)]
    kinds = [int(TokenType.UNUSED)] * rows
    for text, row in model["vocab"].items():
        texts[row], kinds[row] = text, int(TokenType.NORMAL)
    for token in added:
        texts[token["id"]] = token["content"]
        kinds[token["id"]] = int(TokenType.CONTROL if token["special"] else TokenType.USER_DEFINED)
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    return Vocabulary(pre, texts, kinds, merges)


def _pattern(step: dict[str, Any] | None) -> str | None:
    """The expression that splits texts before bytes are merged; None for steps that are not known."""
    steps = (step or {}).get("pretokenizers", [step])
    match [one or {} for one in steps]:
        case [{"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}]:
            return ""
        case [
            {"type": "Split", "pattern": {"Regex": str(found)}, "behavior": "Isolated", "invert": False},
            {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
        ]:
            return found
    return None


def _add_shape(writer: Any, config: PretrainedConfig) -> None:
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)


def _add_vocabulary(writer: Any, vocabulary: Vocabulary) -> None:
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.texts)
    writer.add_token_types(vocabulary.kinds)
    writer.add_token_merges(vocabulary.merges)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)


def _tensors(model: PreTrainedModel) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Every parameter under llama.cpp's name."""
    import gguf

    config = model.config
    (architecture,) = (key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == config.model_type)
    names = gguf.get_tensor_name_map(architecture, config.num_hidden_layers)
    for name, parameter in model.named_parameters():
        values = parameter.detach().numpy()
        if config.model_type == "llama" and name.endswith(("q_proj.weight", "k_proj.weight")):
            values = pairs_side_by_side(values, config.head_dim)
        found = names.get_name(name, try_suffixes=(".weight",))
        assert found is not None, name
        yield found, values


def pairs_side_by_side(rows: NDArray[np.float32], head_width: int) -> NDArray[np.float32]:
    """Reorders the rows of each head: i and i + half, which rotate together, become neighbours."""
    halves = rows.reshape(-1, 2, head_width // 2, rows.shape[-1])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(rows.shape)


def _library() -> Any:
    try:
        import gguf
    except ImportError:
        raise InputError("this needs the package gguf", field="--gguf", remedy="pip install '.[gguf]'") from None
    return gguf
