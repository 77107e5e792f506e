"""Documents have the promised length and say nothing false about pictures."""

from __future__ import annotations

import random
import re

from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world.documents import LONGEST, SHORTEST, describe, document
from demo.world.scene import COLOURS, SHAPES, draw


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_length(seed: int) -> None:
    text = document(random.Random(seed))
    assert SHORTEST <= len(text.split()) <= LONGEST
    assert "<" not in text


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_descriptions_are_true(seed: int) -> None:
    rng = random.Random(seed)
    scene = draw(rng)
    text = describe(rng, scene)
    names = {(thing.colour, thing.shape) for thing in scene.things}
    assert set(re.findall(rf"({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})", text)) == names
    for thing in scene.things:
        other = "left" if thing.column == "right" else "right"
        assert f"The {thing.shape} is on the {other}" not in text
        assert text.count(f"{thing.name} in the {other}") == 0
    assert not {"2", "two", "3", "three"} & set(text.split()) or (
        bool({"2", "two"} & set(text.split())) == (len(scene.things) == 2)
    )


def test_documents_are_varied() -> None:
    texts = [document(random.Random(seed)) for seed in range(500)]
    assert len(set(texts)) == 500
    assert len({text.split(".")[0] for text in texts}) > 50
    assert len({len(text.split()) // 10 for text in texts}) >= 10
