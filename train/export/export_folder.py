"""Writes a Hugging Face directory, whole or absent: `python -m train export CHECKPOINT DIR`."""

from __future__ import annotations

import shutil
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from common import atomic_files
from schemas.manifest import ImageGeometry
from schemas.results import Results
from train.checkpoint.state import schedule_of
from train.export import description, modeling_switchpoint
from train.export.description import Exported
from train.export.hugging_face_configs import REMOTE_MODULE
from train.export.hugging_face_model import Loaded, hugging_face, load, sequence_length
from train.export.model_card import model_card
from train.export.processor import hf_tokenizer, processor
from train.tokenizer_check import tokenizer_of

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def export(
    path: Path,
    out: Path,
    *,
    tokenizer: Path | None = None,
    decoder_only: bool = False,
    dtype: str = "float32",
    scores: Results | None = None,
    licence: str | None = None,
) -> Exported:
    """Write the checkpoint at `path` as a Hugging Face directory at `out`.

    Args:
        scores: results for the model card, of this checkpoint.
        licence: of the weights, for the model card.

    Raises:
        InputError: the checkpoint or tokenizer cannot be used, or `out` is taken; nothing is written then.
    """
    loaded = load(path)
    saved = loaded.saved
    file = tokenizer_of(tokenizer, saved.run.tokenizer, saved.tokenizer)
    geometry = None if decoder_only else saved.geometry
    model = hugging_face(loaded, decoder_only=geometry is None)
    nn.Module.to(model, DTYPES[dtype])
    is_remote = isinstance(model, modeling_switchpoint.SwitchpointForConditionalGeneration)
    told = described_as(loaded, type(model).__name__, dtype, geometry)
    text = hf_tokenizer(
        file, saved.tokenizer, saved.conversation_format, sequence_length(loaded), images=geometry is not None
    )
    card = model_card(
        saved,
        schedule_of(loaded.path),
        told.architecture,
        images=geometry is not None,
        module=f"{REMOTE_MODULE}.py" if is_remote else None,
        scores=scores,
        licence=licence,
    )
    with atomic_files.new_directory(out) as partial:
        if is_remote:  # or transformers 4 writes Llava's old names, which version 5 maps back for Llava alone
            model._checkpoint_conversion_mapping = {}
        model.save_pretrained(partial)
        (text if geometry is None else processor(text, geometry)).save_pretrained(partial)
        if is_remote:
            shutil.copyfile(str(modeling_switchpoint.__file__), partial / f"{REMOTE_MODULE}.py")
        (partial / description.CARD).write_text(card, encoding="utf-8")
        return description.write(partial, told)


def described_as(loaded: Loaded, architecture: str, dtype: str, geometry: ImageGeometry | None) -> Exported:
    """Returns the provenance of an export of the checkpoint `loaded`."""
    saved = loaded.saved
    return Exported(
        checkpoint=str(loaded.path),
        position=saved.position,
        past=saved.past,
        schedule=saved.schedule,
        architecture=architecture,
        dtype=dtype,
        tokenizer=saved.tokenizer,
        geometry=geometry,
        conversation=saved.conversation_format,
        packages={name: version(name) for name in ("torch", "transformers")},
    )
