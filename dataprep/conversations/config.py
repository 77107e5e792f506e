"""Defines the settings of the conversations job."""

from __future__ import annotations

from typing import Self

from pydantic import Field, JsonValue, model_validator

from dataprep.image_text.banned import Banned
from dataprep.image_text.settings import MultimodalJob
from dataprep.storage.location import Location
from schemas.strict_model import OneOrMany


class ConversationsJob(MultimodalJob):
    """Packs instruction data in LLaVA's form into windows: `spark-submit dataprep/jobs/conversations.py JOB.yaml`."""

    inputs: OneOrMany = Field(min_length=1)
    """Files (paths or globs) of rows: id, image (optional), conversations. JSON, one array or a row a line (also
    .gz, .zst, .bz2, .xz), or Parquet that holds its pictures, in the layout of LLaVA-OneVision or FineVision."""
    image_root: Location | None = None
    """Directory that the rows' image paths are relative to; Parquet that holds its pictures needs none."""
    rows_per_task: int = Field(default=5000, ge=1)
    """Rows that a task packs."""
    end_of_turn: str | None = None
    """Special token that closes every answer; by default the tokenizer's own (`<|im_end|>`, `<|eot_id|>`, ...), else a
    new one, `<end_of_turn>`, whose id follows the image placeholder's."""
    text_only: bool = False
    """Check the images, then leave them out: the same conversations for a text-only baseline."""

    banned: Banned = Banned()
    """Ids that must not get in; conversations have no URLs."""

    @model_validator(mode="after")
    def _ids_alone(self) -> Self:
        if self.banned.urls or self.banned.hosts:
            raise ValueError("conversations have no URLs; ban them by `uids`, which are their ids")
        return self

    @property
    def images_from(self) -> str:
        """Where images lie, in words."""
        return f"images below {self.image_root}" if self.image_root is not None else "images inside the inputs"

    def plan_config(self) -> dict[str, JsonValue]:
        """The settings that decide the output's bytes; lists count by their content, as inputs."""
        return {**super().plan_config(), "banned": bool(self.banned.uids)}
