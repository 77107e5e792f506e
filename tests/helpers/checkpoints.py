"""A run's output directory with one checkpoint and a byte-level tokenizer, made in a second."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from composer.core import Timestamp
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from common import file_digests, seal
from schemas.conversation_format import ConversationFormat
from schemas.manifest import STRETCH, Fit, TokenizerIdentity
from schemas.schedule import Schedule
from tests.helpers import synthetic
from train.checkpoint.save import CheckpointStore
from train.checkpoint.state import read
from train.config.run_config import RunConfig
from train.evaluation.generation import Stem
from train.evaluation.scored_model import Subject
from train.models.build import build_model

SHAPE = {"width": 128, "layers": 2, "heads": 4, "kv_heads": 2, "head_width": 32, "mlp_width": 192}
PATCH = {"kind": "patch", "width": 32, "layers": 1, "heads": 2}
TURNS = ConversationFormat(version=2, end_of_turn="<end_of_turn>", end_of_turn_id=259)
"""The current format under `byte_tokenizer`."""
FUSED = {"kind": "siglip_dino", "width": 32, "layers": 2, "heads": 2}
SIGLIP = {"kind": "siglip", "width": 32, "layers": 2, "heads": 2}


def byte_tokenizer(folder: Path) -> TokenizerIdentity:
    """Write a tokenizer of 258 ids, one for each byte, as `folder`/tokenizer.json."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<|endoftext|>": 0, "<|padding|>": 1, **{letter: n + 2 for n, letter in enumerate(letters)}}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>", "<|padding|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    digest = hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest()
    return TokenizerIdentity(digest=digest, vocabulary_size=258, end_of_text_id=0, pad_id=1, image_id=258)


def given_tokenizer(folder: Path, file: Path) -> TokenizerIdentity:
    """Copy a tokenizer whose ids 0 and 1 are end of text and padding to `folder`/tokenizer.json."""
    content = file.read_bytes()
    (folder / "tokenizer.json").write_bytes(content)
    size = Tokenizer.from_str(content.decode()).get_vocab_size()
    digest = hashlib.sha256(content).hexdigest()
    return TokenizerIdentity(digest=digest, vocabulary_size=size, end_of_text_id=0, pad_id=1, image_id=size)


def byte_schedule(folder: Path, **update: Any) -> Schedule:
    """The synthetic schedule under the byte tokenizer (its data is not under it: enough for what does not train)."""
    return synthetic.schedule(folder).model_copy(update={"tokenizer": byte_tokenizer(folder), **update})


def checkpoint(
    folder: Path,
    *,
    decoder: dict[str, Any] | None = None,
    encoder: dict[str, Any] | None = None,
    fit: Fit = STRETCH,
    conversation: ConversationFormat | None = None,
    tokenizer: Path | None = None,
    **model: Any,
) -> Path:
    """A checkpoint at position 8 in `folder`/out, with weights large enough that every term matters.

    Without an encoder the model has no image side; without a format its conversations are of version 1; without a
    tokenizer it is a byte-level one (with one, sequences are 512 ids long instead of 32).
    """
    geometry = synthetic.GEOMETRY.model_copy(update={"fit": fit}) if encoder else None
    schedule = byte_schedule(folder, geometry=geometry, conversation=conversation)
    if tokenizer is not None:
        schedule = schedule.model_copy(update={"tokenizer": given_tokenizer(folder, tokenizer), "seq_len": 512})
    schedule.save(folder / "schedule.json")
    model_section = {"decoder": {**SHAPE, **(decoder or {})}, "encoder": encoder or {}, **model}
    settings = {"schedule": folder / "schedule.json", "out": folder / "out", "model": model_section, "microbatch": 1}
    run = RunConfig.model_validate({**settings, "tokenizer": folder / "tokenizer.json"})
    built = build_model(run, schedule)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    state = SimpleNamespace(timestamp=Timestamp(sample=8, batch=1), optimizers=[torch.optim.AdamW(built.parameters())])
    CheckpointStore(run.out, built, run, schedule).save(state, {"text": 8}, lasting=True)  # type: ignore[arg-type]
    return run.out


def end_turns(
    out: Path, subject: Subject, stems: list[Stem], pixels: Any, steps: int, *, end: int | None = None
) -> None:
    """Change the checkpoint so that it ends its turn (or says `end`) where it would say a token that it says often.

    It does not say the image's placeholder, for which there is no picture.
    """
    said = Counter[int]()
    for stem in stems:
        ids = torch.tensor([stem.ids])
        for step in range(steps):
            with torch.no_grad():
                logits = subject.logits(ids, torch.from_numpy(pixels[stem.item]))[0, -1]
            logits[subject.identity.image_id] = -torch.inf
            top = logits.argmax()
            said[int(top)] += step > 0
            ids = torch.cat((ids, top.view(1, 1)), dim=1)
    (weights,) = out.glob("checkpoints/*/model.safetensors")
    tensors = load_file(weights)
    head = tensors.get("decoder.lm_head.weight", tensors["decoder.embed_tokens.weight"])
    ((token, _),) = said.most_common(1)
    head[subject.identity.image_id] = 0
    head[subject.conversation.end_of_turn_id if end is None else end] = 1.5 * head[token]
    save_file(tensors, weights)
    state = weights.with_name("state.json")
    stated = json.loads(state.read_text())
    found = {name: file_digests.of_file(weights.with_name(name)) for name in stated["digests"]}
    state.write_text(seal.sealed(json.dumps({**stated, "digests": found})))


def copied_to(path: Path, position: int, schedule: Schedule, **update: Any) -> Path:
    """A copy of the checkpoint `path` beside it, as if it stood at `position` of `schedule`."""
    target = path.with_name(f"{position:015d}")
    shutil.copytree(path, target)
    schedule.save(target / "schedule.json")
    facts = {"position": position, "past": schedule.prefix_hash(position), "samples": schedule.counts(position)}
    before = read(path)
    found = {name: file_digests.of_file(target / name) for name in before.digests}
    saved = before.model_copy(update={**facts, "digests": found, **update})
    (target / "state.json").write_text(seal.sealed(saved.model_dump_json(exclude={"seal"})))
    return target
