"""Facts suffice for the longest document, and no fact comes twice."""

from __future__ import annotations

import random

from demo.world.documents import LONGEST
from demo.world.facts import facts


def test_enough_and_no_repeats() -> None:
    found = list(facts(random.Random(1)))
    assert len(set(found)) == len(found)
    assert sum(len(fact.split()) for fact in found) > 2 * LONGEST
    assert max(len(fact.split()) for fact in found) < 50
    assert "A square and a triangle have 7 corners together." in found
