"""Loads the model that is scored, a checkpoint or an export, as one thing that turns prompts into logits.

A checkpoint is scored as the Hugging Face model that `export` would write, so a score belongs to both.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoModelForCausalLM, LlavaForConditionalGeneration, PreTrainedModel

from common.errors import InputError
from schemas.conversation_format import ConversationFormat
from schemas.manifest import ImageGeometry, TokenizerIdentity
from schemas.results import Model
from train.evaluation.official_files import digest
from train.evaluation.prompts import PromptEncoder
from train.export import modeling_switchpoint
from train.export.description import PROVENANCE, checked
from train.export.hugging_face_model import hugging_face, load
from train.models.towers import normalise
from train.tokenizer_check import tokenizer_of

_AGAIN = "export it again"


class Subject:
    """A loaded model, its prompts and its identity."""

    def __init__(
        self,
        model: PreTrainedModel,
        told: Model,
        geometry: ImageGeometry | None,
        conversation: ConversationFormat,
        tokenizer: Tokenizer,
    ) -> None:
        self.told, self.geometry, self.conversation, self.tokenizer = told, geometry, conversation, tokenizer
        self.identity: TokenizerIdentity = told.tokenizer
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model: Any = model.to(self.device).eval()  # type: ignore[arg-type]

    def encoder(self, *, blind: bool) -> PromptEncoder:
        """Builder of prompts; `blind` leaves images out.

        Raises:
            InputError: the model has no image side and is not to be blind.
        """
        if self.geometry is None and not blind:
            problem = "the model has no image side"
            raise InputError(problem, file=self.told.path, remedy="give --blind to ask without the images")
        geometry = None if blind else self.geometry
        return PromptEncoder(self.tokenizer, self.identity, geometry, self.conversation.end_of_turn_id)

    def inputs(self, ids_BL: Tensor, pixels_NCHW: Tensor) -> dict[str, Tensor]:
        """Arguments of the model's forward pass; `pixels` is uint8 and may hold no image."""
        found = {"input_ids": ids_BL.to(self.device)}
        if len(pixels_NCHW):
            found["pixel_values"] = normalise(pixels_NCHW.to(self.device)).to(self.model.dtype)
        return found

    def logits(self, ids_BL: Tensor, pixels_NCHW: Tensor) -> Tensor:
        """Scores [B, L, vocabulary] in fp32."""
        found: Tensor = self.model(**self.inputs(ids_BL, pixels_NCHW), use_cache=False).logits.float()
        return found


def open_subject(path: Path, tokenizer: Path | None = None) -> Subject:
    """The model at `path`: a checkpoint, a run's output directory (its latest checkpoint) or an export.

    Raises:
        InputError: it is none of these, or damaged.
    """
    if (path / PROVENANCE).is_file():
        return _exported(path)
    if (path / "config.json").is_file():
        raise InputError("a Hugging Face model that is no export of this trainer", file=path, remedy="see `import`")
    loaded = load(path)
    saved = loaded.saved
    file = tokenizer_of(tokenizer, saved.run.tokenizer, saved.tokenizer)
    model = hugging_face(loaded)
    told = Model(
        path=str(loaded.path),
        digest=weights_digest(loaded.path, "model"),
        position=saved.position,
        schedule=saved.schedule,
        architecture=type(model).__name__,
        tokenizer=saved.tokenizer,
    )
    return Subject(model, told, saved.geometry, saved.conversation_format, _literal(file))


def _exported(path: Path) -> Subject:
    said = checked(path)
    # Our own class for our own encoder: the directory's copy of it is never run.
    loader: Any = {
        "SwitchpointForConditionalGeneration": modeling_switchpoint.SwitchpointForConditionalGeneration,
        "LlavaForConditionalGeneration": LlavaForConditionalGeneration,
    }.get(said.architecture, AutoModelForCausalLM)
    try:
        model, loading = loader.from_pretrained(
            str(path), local_files_only=True, use_safetensors=True, dtype="auto", output_loading_info=True
        )
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"damaged export ({reason})", file=path, remedy=_AGAIN) from None
    # transformers would fill what is missing with random numbers, and warn.
    if differing := sorted({*loading["missing_keys"], *loading["unexpected_keys"]}):
        problem = f"{len(differing)} tensors are missing or another model's, '{differing[0]}' for one"
        raise InputError(problem, file=path, remedy=_AGAIN)
    told = Model(
        path=str(path),
        digest=weights_digest(path, "model"),
        position=said.position,
        schedule=said.schedule,
        architecture=said.architecture,
        tokenizer=said.tokenizer,
    )
    return Subject(model, told, said.geometry, said.conversation, _literal(path / "tokenizer.json"))


def _literal(file: Path) -> Tokenizer:
    """The tokenizer under which text that spells a special token stays text."""
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"cannot read the tokenizer ({error})", file=file, remedy=_AGAIN) from None
    tokenizer.encode_special_tokens = True
    return tokenizer


def weights_digest(path: Path, stem: str) -> str:
    """sha256 over the names and digests of the tensor files."""
    total = hashlib.sha256()
    for file in sorted(path.glob(f"{stem}*.safetensors")):
        total.update(f"{file.name} {digest(file)}\n".encode())
    return total.hexdigest()
