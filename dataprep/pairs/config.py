"""Settings of the pairs job."""

from __future__ import annotations

from pydantic import Field, field_validator

from dataprep.multimodal import MultimodalJob
from dataprep.pairs.caption import CaptionPolicy


class PairsJob(MultimodalJob):
    """`spark-submit dataprep/jobs/pairs.py JOB.yaml`."""

    inputs: list[str] = Field(min_length=1)
    """Uncompressed webdataset tars (paths or globs): jpg, png or webp beside txt and/or json."""
    captions: CaptionPolicy = CaptionPolicy()

    @field_validator("inputs", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value
