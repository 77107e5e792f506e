"""Estimates the output of an image job from a sample of its rows: windows, padding, rejects, shards, core-hours."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from dataprep.image_text import padding_advice
from dataprep.image_text.settings import MultimodalJob, TaskSpec


@dataclass
class Sample:
    """Rows that were looked at as the job would."""

    rows: int = 0
    lengths: list[int] = field(default_factory=list)
    """Ids of each row that would be written."""
    images: int = 0
    image_bytes: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """Of this processor."""


def lines(sample: Sample, scale: float, job: MultimodalJob, spec: TaskSpec) -> list[str]:
    """The forecast in a few lines; `scale` is how many times larger than the sample the inputs are."""
    if not sample.lengths:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sample.rejected.most_common(4)) or "no rows"
        return [f"none of {sample.rows:,} sampled rows would be written: {reasons}"]
    share = padding_advice.padding(sample.lengths, job.seq_len)
    windows = max(1, round(sum(sample.lengths) * scale / (1 - share) / job.seq_len))
    ids_bytes = windows * job.seq_len * (spec.windows.dtype.itemsize + spec.windows.masked)
    size = round(ids_bytes + sample.image_bytes * scale)
    rejected = sum(sample.rejected.values()) / sample.rows
    reasons = "".join(f", {reason} {count / sample.rows:.1%}" for reason, count in sample.rejected.most_common(4))
    rate = sample.rows / max(sample.seconds, 1e-9)
    text = [
        f"about {round(sample.rows * scale):,} rows, {rejected:.1%} of them rejected{reasons}",
        f"about {windows:,} windows of {job.seq_len:,} ids, {share:.1%} padding",
        f"about {round(sample.images * scale):,} images",
        f"about {size:,} bytes in {max(1, -(-size // job.shard_bytes)):,} shards, to {job.out}",
        f"about {sample.seconds * scale / 3600:.2g} core-hours ({rate:,.0f} rows/s on a core like this one)",
    ]
    captions = [length - spec.image_tokens - 1 for length in sample.lengths]
    if share > padding_advice.ENOUGH and min(captions) >= 0:
        warning = padding_advice.advice(spec.image_tokens, job.seq_len, captions)
        text += [f"warning: {warning}"] if warning else []
    return text
