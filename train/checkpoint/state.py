"""Reads and checks the state.json of a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from composer.core import Timestamp
from pydantic import ValidationError, model_validator

from common.errors import InputError
from schemas.conversation_format import VERSION_1, ConversationFormat
from schemas.manifest import ImageGeometry, TokenizerIdentity
from schemas.schedule import Schedule
from schemas.strict_model import Strict
from train.checkpoint.digests import check_seal
from train.checkpoint.identity import Identity
from train.checkpoint.names import SCHEDULE
from train.config.run_config import RunConfig


class Saved(Strict):
    """`state.json`: where a checkpoint stands, and what it takes to rebuild its model."""

    version: Literal[1, 2, 3] = 2
    """2: with `digests` and `seal`; 3: with one file a rank besides. Version 1 is read without being verified."""
    position: int
    """Samples trained on."""
    step: int
    tokens: int
    """Tokens trained on, padding not counted."""
    past: str
    """`Schedule.prefix_hash(position)`."""
    schedule: str
    """Hash of the whole schedule, for the record."""
    samples: dict[str, int]
    """Samples of each source trained on, as counted."""
    drawn: str = ""
    """Digest of which samples those were (`train.audit.sample_digest`), as read; empty in checkpoints of older runs."""
    lasting: bool
    """Whether pruning must leave it: a switch point, or the end."""
    run: RunConfig
    tokenizer: TokenizerIdentity
    geometry: ImageGeometry | None
    conversation: ConversationFormat | None = None
    """How the schedule's conversations are written; None without any, and for version 1."""
    pictures: int = 1
    """`common.pictures.RULE` under which its pictures were seen; older runs do not name theirs."""
    towers: dict[str, dict[str, Any]] = {}
    """Shapes of pre-trained image towers, so that their directories are not needed again; empty in older runs'."""
    ranks: int = 0
    """How many saved it; 0 in checkpoints of older runs, which do not say. Any number of ranks may go on from it."""
    identity: Identity | None = None
    """The run that saved it; None in checkpoints of older runs."""
    digests: dict[str, str] = {}
    """Of the other files (`train.checkpoint.digests`)."""
    seal: str = ""
    """Digest of everything else in this file."""

    @model_validator(mode="before")
    @classmethod
    def _older_models(cls, said: Any) -> Any:
        """Completes the config of a run from when an end-of-text always closed its document."""
        run = said.get("run") if isinstance(said, dict) else None
        model = run.get("model") if isinstance(run, dict) else None
        if not isinstance(said, dict) or not isinstance(run, dict) or not isinstance(model, dict):
            return said
        return {**said, "run": {**run, "model": {"end_of_text": "closes", **model}}}

    @property
    def conversation_format(self) -> ConversationFormat:
        """How to put a question to the model, and where its answer ends."""
        return self.conversation or VERSION_1

    def decoder_only(self, run: RunConfig, schedule: Schedule) -> bool:
        """Whether `run` takes its image side from its own config: it has another one, and this one is untaught yet.

        Raises:
            InputError: it has another one, but this one has learnt from images already.
        """
        if (run.model.encoder.identity, schedule.geometry) == (self.run.model.encoder.identity, self.geometry):
            return False
        seen = sum(self.samples.get(source.name, 0) for source in schedule.sources if source.kind != "text")
        if seen:
            raise InputError(
                f"this checkpoint has trained another image encoder, on {seen:,} samples with images",
                field="model.encoder",
                remedy="use the encoder that it was trained with, or branch from before the first image",
            )
        return True

    @property
    def timestamp(self) -> Timestamp:
        """Composer's clock at this checkpoint; a run is one epoch."""
        return Timestamp(
            batch=self.step,
            sample=self.position,
            token=self.tokens,
            token_in_iteration=self.tokens,
            batch_in_epoch=self.step,
            sample_in_epoch=self.position,
            token_in_epoch=self.tokens,
        )


def read(path: Path) -> Saved:
    """The `state.json` of a checkpoint.

    Raises:
        InputError: it is missing or damaged.
    """
    try:
        return parse((path / "state.json").read_bytes(), path)
    except OSError as error:
        problem = f"not a checkpoint of this trainer ({error})"
        raise InputError(problem, file=path, remedy="give a directory with state.json and *.safetensors") from None


def parse(state: bytes, place: Path | str) -> Saved:
    """The content of a `state.json`; `place` is its checkpoint's, for messages.

    Raises:
        InputError: it is damaged.
    """
    check_seal(state, place)
    try:
        return Saved.model_validate_json(state)
    except ValidationError as error:
        problem = f"not a checkpoint of this trainer ({' '.join(str(error).split())})"
        raise InputError(problem, file=place, remedy="give a directory with state.json and *.safetensors") from None


def schedule_of(path: Path) -> Schedule | None:
    """The schedule that a checkpoint was trained under; None in checkpoints of older runs."""
    return Schedule.load(path / SCHEDULE) if (path / SCHEDULE).is_file() else None
