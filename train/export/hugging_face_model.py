"""Builds a checkpoint as a Hugging Face model in memory: what `export` writes and `evaluate` scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    GenerationConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
    PreTrainedModel,
)

from train.checkpoint import digests, folder, state
from train.checkpoint import load as checkpoint_load
from train.checkpoint.state import Saved
from train.export.hugging_face_configs import model_config, text_config
from train.export.tensor_names import fill, renamed
from train.models.vlm import VisionLanguageModel

DEFAULT_LENGTH = 2048


@dataclass(frozen=True)
class Loaded:
    """A checkpoint and its model."""

    path: Path
    saved: Saved
    model: VisionLanguageModel


def load(path: Path) -> Loaded:
    """The checkpoint at `path` (or the latest of the run whose output directory it is), with its model in fp32.

    Raises:
        InputError: there is none, it is damaged, or it holds another model's tensors.
    """
    found = folder.find(path)
    digests.check(found)
    saved = state.read(found)
    model = VisionLanguageModel.of(saved.run.model, saved.tokenizer, saved.geometry, saved.towers)
    checkpoint_load.load_weights(found, model)
    return Loaded(found, saved, model.eval())


def hugging_face(loaded: Loaded, *, decoder_only: bool = False) -> PreTrainedModel:
    """The same function as a transformers model: equal logits, to the bit in fp32."""
    saved, ours = loaded.saved, loaded.model
    length = sequence_length(loaded)
    ends = saved.conversation_format.ends(saved.tokenizer.end_of_text_id)
    text_only = decoder_only or ours.encoder is None
    config = (
        text_config(ours.decoder.config, saved.tokenizer, ends, length)
        if text_only
        else model_config(ours, saved.tokenizer, ends, length)
    )
    model = _empty(config)
    fill(model, renamed(ours, decoder_only=text_only))
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=saved.tokenizer.pad_id, do_sample=False)
    return model.eval()


def sequence_length(loaded: Loaded) -> int:
    """Tokens of a training sequence, where a schedule is at hand to say it."""
    schedule = state.schedule_of(loaded.path)
    return schedule.seq_len if schedule is not None else DEFAULT_LENGTH


def _empty(config: Any) -> PreTrainedModel:
    """The model of `config`; its random weights are replaced right after."""
    with torch.random.fork_rng(devices=[]):
        if isinstance(config, LlavaConfig):
            from train.export import modeling_switchpoint

            if isinstance(config, modeling_switchpoint.SwitchpointConfig):
                return modeling_switchpoint.SwitchpointForConditionalGeneration(config)
            return LlavaForConditionalGeneration(config)
        return AutoModelForCausalLM.from_config(config)  # type: ignore[no-any-return]
