"""Imports a Hugging Face Llama or Qwen3 as the start of a run: `python -m train import HF_DIR RUN.yaml`.

It becomes the run's checkpoint at position 0, so nothing in the trainer knows of imports: the run "goes on" from there,
and a sweep's runs branch from there. The image side, which such a model lacks, keeps its initial weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import torch
from composer.core import State, Timestamp
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from common import yaml_file
from common.errors import InputError
from schemas.manifest import TokenizerIdentity
from schemas.schedule import Schedule
from train.checkpoint import folder
from train.checkpoint.save import CheckpointStore
from train.config.decoder_config import DecoderConfig
from train.config.run_config import RunConfig
from train.export import description
from train.export.tensor_names import DECODER, text_name
from train.models.build import build_model
from train.tokenizer_check import checked_tokenizer

_NEUTRAL = {
    "hidden_act": ("silu", "silu"),
    "attention_bias": (False, False),
    "mlp_bias": (False, False),
    "rope_scaling": (None, None),
    "use_sliding_window": (False, False),
    "quantization_config": (None, None),
}
"""What our decoder has only one value of: (that value, what a missing key means)."""


def import_trunk(source: Path, run_file: Path) -> Path:
    """Write the model at `source` as position 0 of the run that `run_file` describes; returns the checkpoint.

    Raises:
        InputError: the model is of another kind or shape, its files are damaged, its tokenizer is not the data's, or
            the run has begun already.
    """
    run = yaml_file.load(run_file, RunConfig)
    schedule = Schedule.load(run.schedule)
    if folder.complete(run.out / folder.FOLDER):
        problem = "the run has checkpoints already"
        raise InputError(problem, file=run.out, remedy="import into a run that has not begun")
    if (source / description.PROVENANCE).exists():
        description.checked(source)
    shape = decoder_shape(source)
    if shape != run.model.shape:
        wanted = json.dumps(shape.model_dump())
        raise InputError(
            "the model is not of the shape that the run describes", file=run_file, field="model.decoder",
            remedy=f"write decoder: {wanted}",
        )  # fmt: skip
    check_same_tokenizer(source, run.tokenizer, schedule.tokenizer)
    tensors = read_tensors(source)
    model = build_model(run, schedule)
    parameters = {text_name(name): p for name, p in model.named_parameters() if name.startswith(DECODER)}
    embeddings = {"model.embed_tokens.weight", "lm_head.weight"}
    known = tensors.keys() - ({"lm_head.weight"} if shape.tied else set())
    differing = {
        name
        for name in parameters.keys() | known
        if not _fits(parameters.get(name), tensors.get(name), name in embeddings, schedule.tokenizer.vocabulary_size)
    }
    if differing:
        problem = f"{len(differing)} tensors do not fit a {shape.family} of this shape, '{min(differing)}' for one"
        raise InputError(problem, file=source, remedy="check that config.json belongs to these weights")
    with torch.no_grad():
        for name, parameter in parameters.items():
            rows = min(len(parameter), len(tensors[name]))
            parameter[:rows].copy_(tensors[name][:rows])
    state = SimpleNamespace(timestamp=Timestamp(), optimizers=[torch.optim.AdamW(model.parameters())])
    nothing = {entry.name: 0 for entry in schedule.sources}
    return CheckpointStore(run.out, model, run, schedule).save(cast(State, state), nothing, lasting=True)


def decoder_shape(source: Path) -> DecoderConfig:
    """The decoder that a Hugging Face `config.json` describes.

    Raises:
        InputError: it is not a Llama or Qwen3, or has features that the decoder here lacks.
    """
    file = source / "config.json"
    try:
        config: dict[str, Any] = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the config ({error})", file=file, remedy="give a Hugging Face model") from None
    family = config.get("model_type") if isinstance(config, dict) else None
    if family not in ("llama", "qwen3"):
        raise InputError(f"a model of type {family!r}", file=file, field="model_type", remedy="give a llama or qwen3")
    for key, (value, default) in _NEUTRAL.items():
        if config.get(key, default) != value:
            problem = f"{config[key]!r} is not supported, only {value!r}"
            raise InputError(problem, file=file, field=key, remedy="choose a model without it")
    rope = config.get("rope_parameters") or {}  # transformers 5's place for both rope_theta and rope_scaling
    if not isinstance(rope, dict) or rope.get("rope_type", "default") != "default":
        problem = f"{str(rope)[:80]} is not supported, only the type 'default'"
        raise InputError(problem, file=file, field="rope_parameters", remedy="choose a model without it")
    try:
        heads = config["num_attention_heads"]
        return DecoderConfig(
            family=family,
            width=config["hidden_size"],
            layers=config["num_hidden_layers"],
            heads=heads,
            kv_heads=config.get("num_key_value_heads") or heads,
            head_width=config.get("head_dim") or config["hidden_size"] // heads,
            mlp_width=config["intermediate_size"],
            rope_theta=rope.get("rope_theta", config.get("rope_theta", 10_000.0)),
            norm_eps=config.get("rms_norm_eps", 1e-6),
            tied=config.get("tie_word_embeddings", False),
        )
    except KeyError as error:
        raise InputError("missing", file=file, field=str(error.args[0]), remedy="give a complete config.json") from None
    except (ValueError, TypeError, ZeroDivisionError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"no decoder has this shape ({reason})", file=file, remedy="give a sound config.json"
        ) from None


def read_tensors(source: Path) -> dict[str, Tensor]:
    """All tensors of a directory's safetensors files, sharded or not.

    Raises:
        InputError: a file is missing or truncated, or the weights are pickles.
    """
    index = source / "model.safetensors.index.json"
    try:
        names = set(json.loads(index.read_bytes())["weight_map"].values()) if index.is_file() else {"model.safetensors"}
        sound = all(isinstance(name, str) for name in names)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"damaged index ({error!r})", file=index, remedy="copy the file again") from None
    if not sound:
        raise InputError("damaged index (a file's name is no text)", file=index, remedy="copy the file again")
    tensors: dict[str, Tensor] = {}
    for name in sorted(names):
        try:
            tensors |= load_file(source / Path(name).name)
        except (OSError, SafetensorError) as error:
            remedy = "copy the file again; weights in other formats than safetensors are not read"
            raise InputError(f"damaged or missing tensors ({error})", file=source / name, remedy=remedy) from None
    return tensors


def check_same_tokenizer(source: Path, named: Path | None, identity: TokenizerIdentity) -> None:
    """Refuse a model whose ids are not the data's: the same file, or one that says the same about ids.

    Raises:
        InputError: it has no tokenizer.json, or another one.
    """
    file = source / "tokenizer.json"
    try:
        checked_tokenizer(file, identity)
        return
    except InputError as error:
        if named is None or not file.is_file():
            raise error from None
    ours = Tokenizer.from_file(str(checked_tokenizer(named, identity)))
    try:
        theirs = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"cannot read the tokenizer ({error})", file=file, remedy="copy the file again") from None
    missing = {token for token, id_ in ours.get_vocab().items() if theirs.token_to_id(token) != id_}
    parts = [json.loads(one.to_str()) for one in (ours, theirs)]
    differing = [key for key in ("model", "pre_tokenizer", "normalizer") if parts[0][key] != parts[1][key]]
    if missing or differing:
        problem = f"the model's tokenizer is not the data's ({len(missing)} tokens have other ids)"
        raise InputError(problem, file=file, remedy="prepare the data with this tokenizer")


def _fits(parameter: Tensor | None, tensor: Tensor | None, embedding: bool, vocabulary: int) -> bool:
    """Equal shapes; an embedding only has to hold the vocabulary, since padding rows differ between trainers."""
    if parameter is None or tensor is None:
        return False
    if embedding:
        return tensor.ndim == 2 and tensor.shape[1] == parameter.shape[1] and len(tensor) >= vocabulary
    return parameter.shape == tensor.shape
