"""A sample that comes again is told from one whose members lie apart."""

from __future__ import annotations

from dataprep.tar.read import Sample
from dataprep.tar.seen_keys import SeenKeys


def sample(key: str, *extensions: str) -> Sample:
    return Sample(key, dict.fromkeys(extensions))  # type: ignore[arg-type]


def test_new_repeated_and_apart() -> None:
    seen = SeenKeys()
    assert seen.again(sample("a", "jpg", "txt")) is None
    assert seen.again(sample("b", "jpg")) is None
    assert seen.again(sample("a", "jpg", "txt")) == "repeated"
    assert seen.again(sample("a", "txt")) == "repeated"
    assert seen.again(sample("b", "txt")) == "apart"
