"""Settings of the conversations job."""

from __future__ import annotations

from pydantic import Field, field_validator

from dataprep.multimodal import MultimodalJob


class ConversationsJob(MultimodalJob):
    """`spark-submit dataprep/jobs/conversations.py JOB.yaml`: instruction data in LLaVA's form to packed windows."""

    inputs: list[str] = Field(min_length=1)
    """JSON files (paths or globs), each one array of rows: id, image (optional), conversations."""
    image_root: str
    """Directory that the rows' image paths are relative to."""
    rows_per_task: int = Field(default=5000, ge=1)
    """Rows that a task packs."""
    text_only: bool = False
    """Check the images, then leave them out: the same conversations for a text-only baseline."""

    @field_validator("inputs", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value
