"""Hugging Face's configs of the small decoders that the tests compare with."""

from __future__ import annotations

from typing import Any

from transformers import LlamaConfig, Qwen3Config


def text_config(family: str, vocabulary: int, **more: Any) -> LlamaConfig | Qwen3Config:
    """Width 32, two layers, four heads of 8, two of keys and values."""
    return (LlamaConfig if family == "llama" else Qwen3Config)(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        **{"rms_norm_eps": 1e-5, "rope_theta": 10_000.0, "tie_word_embeddings": False, **more},
    )
