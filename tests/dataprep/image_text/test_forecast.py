"""A forecast scales what was seen, and says what would be rejected."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np

from dataprep.image_text.forecast import Sample, lines

JOB: Any = SimpleNamespace(seq_len=100, shard_bytes=1000, out="/o")
SPEC: Any = SimpleNamespace(image_tokens=10, windows=SimpleNamespace(dtype=np.dtype(np.uint16), masked=False))


def test_a_sample_is_scaled() -> None:
    rejected = Counter({"truncated": 2})
    sample = Sample(rows=12, lengths=[50] * 10, images=10, image_bytes=500, rejected=rejected, seconds=6)
    text = lines(sample, 600.0, JOB, SPEC)
    assert text[0] == "about 7,200 rows, 16.7% of them rejected, truncated 16.7%"
    assert text[1] == "about 3,000 windows of 100 ids, 0.0% padding"
    assert text[2] == "about 6,000 images"
    assert text[3] == "about 900,000 bytes in 900 shards, to /o"
    assert text[4] == "about 1 core-hours (2 rows/s on a core like this one)"
    assert len(text) == 5, "no warning where nothing is wasted"


def test_padding_is_warned_of() -> None:
    text = lines(Sample(rows=9, lengths=[60] * 9, seconds=1), 1.0, JOB, SPEC)
    assert text[1].endswith("40.0% padding")
    assert text[-1].startswith("warning: ")


def test_nothing_that_would_be_written() -> None:
    sample = Sample(rows=3, rejected=Counter({"caption_too_long": 3}))
    assert lines(sample, 9.0, JOB, SPEC) == ["none of 3 sampled rows would be written: caption_too_long 3"]
    assert lines(Sample(), 9.0, JOB, SPEC) == ["none of 0 sampled rows would be written: no rows"]
