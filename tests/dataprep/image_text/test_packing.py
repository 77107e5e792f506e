from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.image_text.packing import best_fill, pack

LENGTHS = st.integers(1, 60).flatmap(lambda capacity: st.tuples(st.just(capacity), st.lists(st.integers(1, capacity))))


@given(LENGTHS, st.integers(1, 20))
def test_every_item_comes_out_once_and_no_window_overflows(case: tuple[int, list[int]], buffer: int) -> None:
    capacity, lengths = case
    windows = list(pack(lengths, capacity, buffer))
    assert sorted(index for window in windows for index in window) == list(range(len(lengths)))
    for window in windows:
        assert window == sorted(window)
        assert 0 < sum(lengths[index] for index in window) <= capacity


@given(LENGTHS.filter(lambda case: bool(case[1])))
def test_best_fill_is_the_best_of_all_subsets_with_the_shortest(case: tuple[int, list[int]]) -> None:
    capacity, lengths = case[0], case[1][:10]
    counts = {length: lengths.count(length) for length in lengths}
    chosen = best_fill(counts, capacity)
    assert all(1 <= times <= counts[length] for length, times in chosen)
    rest = sorted(lengths)[1:]
    sums = {min(lengths)}
    for length in rest:
        sums |= {total + length for total in sums}
    assert sum(length * times for length, times in chosen) == max(total for total in sums if total <= capacity)
    assert min(counts) in dict(chosen)


def test_items_are_held_back_only_up_to_the_buffer() -> None:
    taken = 0

    def lengths() -> Iterator[int]:
        nonlocal taken
        for _ in range(1000):
            taken += 1
            yield 30

    emitted = 0
    for window in pack(lengths(), 100, buffer=10):
        emitted += len(window)
        assert taken - emitted <= 10


@pytest.mark.parametrize("length", [0, 101])
def test_impossible_lengths_are_refused(length: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        list(pack([5, length], 100))


@pytest.mark.parametrize(("image_tokens", "seq_len"), [(196, 2048), (256, 4096), (144, 2048)])
def test_at_most_three_percent_is_padding_on_caption_lengths(image_tokens: int, seq_len: int) -> None:
    """Captions: log-normal, median 15 ids, as alt texts and synthetic captions mixed; plus image and end of text."""
    draw = random.Random(7)
    lengths = [image_tokens + 1 + min(300, max(1, int(draw.lognormvariate(2.7, 0.7)))) for _ in range(5000)]
    windows = len(list(pack(lengths, seq_len)))
    assert 1 - sum(lengths) / (windows * seq_len) <= 0.03
