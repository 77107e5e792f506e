"""Defines the settings of the pairs job."""

from __future__ import annotations

from typing import Self

from pydantic import Field, JsonValue, model_validator

from dataprep.image_text.banned import Banned
from dataprep.image_text.settings import MultimodalJob
from dataprep.pairs.caption import CaptionPolicy
from schemas.strict_model import OneOrMany, Strict

DATACOMP_FIELDS = (
    "clip_b32_similarity_score double, clip_l14_similarity_score double, original_width bigint, "
    "original_height bigint, sha256 string"
)
"""Columns of DataComp's metadata, where the download job has kept them in the tars' JSON."""


class NearDuplicates(Strict):
    """Pictures that look the same; of such the first stays, in the order of the inputs."""

    distance: int | None = Field(default=3, ge=0, le=7)
    """Bits in which the perceptual hashes (64 bits) of two pictures that look the same may differ; null: no hashing."""
    uids: OneOrMany = []
    """Text files, one uid a line: near-duplicates that somebody has found before."""


class PairsJob(MultimodalJob):
    """Packs webdataset tars into image-text windows: `spark-submit dataprep/jobs/pairs.py JOB.yaml`."""

    inputs: OneOrMany = Field(min_length=1)
    """Uncompressed webdataset tars (paths or globs): jpg, png or webp beside txt and/or json; or Parquet with a picture
    and its captions in each row (`image` or `jpg`; `caption`, `text`, `syn_text`; `uid`, `url`)."""
    captions: CaptionPolicy = CaptionPolicy()
    where: str | None = None
    """Keep only pairs for which this Spark SQL predicate is true. Columns: `uid`, `url`, `width`, `height`, `aspect`
    (longer side / shorter side), `bytes`, and those in `fields`."""
    fields: str = DATACOMP_FIELDS
    """Columns that `where` may use from the tars' JSON, as a Spark schema (`name type, ...`)."""
    deduplicate: bool = False
    """Of equal uids in several tars keep the first. Within a tar that is always so; `where`, `near_duplicates` and
    `held_out` imply it, since they look at all tars anyway. Without any of them the manifest warns of uids that
    repeat."""
    near_duplicates: NearDuplicates | None = None
    """Leave out pictures that look like an earlier one."""
    banned: Banned = Banned()
    """Uids, URLs and hosts that must not get in."""

    @model_validator(mode="after")
    def _near_duplicates_say_how(self) -> Self:
        near = self.near_duplicates
        if near is not None and near.distance is None and not near.uids:
            raise ValueError("`near_duplicates` needs a `distance` or a list of `uids`")
        return self

    @property
    def hashes(self) -> bool:
        """Whether pictures are compared by their hashes."""
        return self.near_duplicates is not None and self.near_duplicates.distance is not None

    @property
    def selects(self) -> bool:
        """Whether all pairs are looked at before any is packed (`survey`, `select`)."""
        return self.where is not None or self.deduplicate or self.hashes or bool(self.held_out)

    @property
    def lists(self) -> dict[str, list[str]]:
        """Files of lists by the reason code of what is on them."""
        near = self.near_duplicates.uids if self.near_duplicates else []
        return {"banned_uid": self.banned.uids, "banned_url": self.banned.urls, "near_duplicate": near}

    def plan_config(self) -> dict[str, JsonValue]:
        """The settings that decide the output's bytes; lists count by their content, as inputs."""
        config = super().plan_config()
        for owner in ("banned", "near_duplicates"):
            if isinstance(settings := config[owner], dict):
                settings.update({key: bool(settings[key]) for key in ("uids", "urls") if key in settings})
        return config
