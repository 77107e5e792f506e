"""Stories go on for as long as anybody listens, in short events, and keep track of the thing they are about."""

from __future__ import annotations

import random
import re
from itertools import islice

from hypothesis import given, settings
from hypothesis import strategies as st

from demo.world.stories import story


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_the_thing_changes_only_when_the_text_says_so(seed: int) -> None:
    events = list(islice(story(random.Random(seed)), 30))
    assert max(len(event.split()) for event in events) <= 45
    opening = re.search(r"look for a (\w+) (\w+) made of", events[0])
    assert opening is not None
    colour, shape = opening.groups()
    for event in events[1:]:
        if mine := re.search(r"mine is (\w+)", event):
            assert mine[1] == colour
        if painted := re.search(r"Now it was a (\w+) (\w+), no longer a (\w+) one", event):
            assert painted[2] == shape
            assert painted[3] == colour
            colour = painted[1]
        if swapped := re.search(r"gave the (\w+) (\w+) away and got a (\w+) (\w+) for it", event):
            assert swapped.groups()[:2] == (colour, shape)
            colour, shape = swapped.groups()[2:]
        if counted := re.search(r"There was the (\w+) (\w+), and", event):
            assert counted.groups() == (colour, shape)
