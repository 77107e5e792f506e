"""Looking ahead never asks for more than there is room for, and never stands still."""

from hypothesis import given
from hypothesis import strategies as st

from train.loader.look_ahead import Window


@given(
    shards=st.lists(st.integers(0, 6), min_size=1, max_size=60),
    sizes=st.lists(st.integers(0, 9), min_size=7, max_size=7),
    room=st.integers(0, 30),
    data=st.data(),
)
def test_the_window_holds_what_there_is_room_for(shards, sizes, room, data):
    """The shards from the row that is read to the last one admitted fit, or are one; what fits is admitted."""
    window, given_out, index = Window(room), 0, 0
    while index < len(shards):
        given_out = data.draw(st.integers(given_out, index))
        ahead = {shard for shard in shards[given_out : index + 1] if sizes[shard]}
        behind = {shard for shard in shards[given_out:index] if sizes[shard]}
        fits = sum(sizes[shard] for shard in ahead) <= room or not behind or ahead == behind
        admitted = window.admits(index, shards[index], sizes[shards[index]], given_out)
        assert admitted or not fits
        if admitted:
            assert sizes[shards[index]] == 0 or fits
            index += 1
        else:
            given_out = min(index, given_out + 1)  # the reader goes on


def test_without_a_limit_everything_is_admitted():
    window = Window(None)
    assert all(window.admits(index, index, 1 << 40, 0) for index in range(100))
