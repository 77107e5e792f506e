"""`world.json`: what a generated world holds, how it was asked for, and every defect that was put into it.

A test compares a pipeline's rejects with `World.defects`; the server takes the misbehaviour of its URLs from the same
list.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from common.errors import InputError
from schemas.strict_model import Strict

WORLD_NAME = "world.json"

DefectKind = Literal[
    # Pairs, over HTTP.
    "not_found",
    "html",
    "truncated_image",
    "truncated_body",
    "slow",
    "redirect",
    # Pairs, in the tables.
    "sha256_mismatch",
    "no_metadata",
    "no_synthetic",
    # Conversations.
    "missing_image",
    "gif_named_jpg",
    "corrupt_image",
    "leading_gpt",
    "unpaired_turns",
    # Text.
    "unicode",
    "spells_special",
]

Fate = Literal["rejected", "accepted", "either"]
"""What a sound pipeline does with a row; `either` depends on its settings (say, on whether it checks digests)."""


class Options(Strict):
    """How large a world is wanted. Equal options give byte-identical worlds."""

    documents: int = Field(default=20_000, ge=16, le=2_000_000)
    """Text documents, over 8 files."""
    scenes: int = Field(default=3_000, ge=32, le=1_000_000)
    """Image-caption pairs, one scene each."""
    conversations: int = Field(default=2_500, ge=32, le=1_000_000)
    """Rows of the instruction data, about 6 % of them text only."""
    held_out: int = Field(default=300, ge=4, le=2_000)
    """Scenes that occur in nothing but the held-out questions, four questions each."""
    seed: int = Field(default=7, ge=0, lt=2**63)
    """Seed of everything."""


class Defect(Strict):
    """One planted oddity."""

    release: Literal["text", "pairs", "conversations"]
    kind: DefectKind
    key: str
    """Pairs: the uid. Conversations: the row's id. Text: `file:line`, the path below the world, lines from 1."""
    fate: Fate
    path: str | None = None
    """URL path that misbehaves, for defects that the server acts out."""


class Counts(Strict):
    """Rows of each kind, defective ones included."""

    documents: int
    metadata_rows: int
    synthetic_rows: int
    conversations: int
    text_only_conversations: int
    training_questions: int
    held_out_documents: int
    held_out_questions: int
    vocabulary: int


class World(Strict):
    """The content of `world.json`."""

    version: Literal[1] = 1
    options: Options
    port: int = Field(gt=0, lt=65_536)
    """Port on 127.0.0.1 that the image URLs name."""
    counts: Counts
    defects: list[Defect]

    def of_kind(self, *kinds: DefectKind) -> list[Defect]:
        """The defects of these kinds, in file order."""
        return [defect for defect in self.defects if defect.kind in kinds]

    @classmethod
    def load(cls, root: str | Path) -> World:
        """Read the description of the world at `root`.

        Raises:
            InputError: there is no world there, or its description is damaged.
        """
        path = Path(root) / WORLD_NAME
        try:
            return cls.model_validate_json(path.read_bytes())
        except OSError:
            remedy = f"make one with 'python -m demo.world {root}'"
            raise InputError(f"there is no world here (no {WORLD_NAME})", file=root, remedy=remedy) from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(map(str, first["loc"]))
            remedy = "remove the directory and make the world anew"
            raise InputError(first["msg"], file=path, field=field, remedy=remedy) from None
