"""The keyed permutation is one, for every size and key."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.permutation import derive_key, permute


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5000), st.integers(0, 2**64 - 1))
def test_visits_everything_once(size: int, key: int) -> None:
    image = permute(np.arange(size, dtype=np.int64), size, key)
    assert np.array_equal(np.sort(image), np.arange(size))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2**61), st.integers(0, 2**64 - 1), st.lists(st.floats(0, 1, exclude_max=True), max_size=50))
def test_large_sizes_stay_inside_and_apart(size: int, key: int, where: list[float]) -> None:
    index = np.array(sorted({int(w * size) for w in where}), np.int64)
    image = permute(index, size, key)
    assert ((image >= 0) & (image < size)).all()
    assert len(set(image.tolist())) == len(index)


def test_golden_values_hold_on_every_platform() -> None:
    assert derive_key("pass", 7, "text", 0) == 6376658891035950942
    assert permute(np.arange(10, dtype=np.int64), 10, 12345).tolist() == [8, 3, 1, 5, 6, 9, 7, 0, 2, 4]


def test_looks_shuffled() -> None:
    image = permute(np.arange(100_000, dtype=np.int64), 100_000, derive_key("x", 1))
    assert abs(np.corrcoef(np.arange(100_000), image)[0, 1]) < 0.02
    steps = np.diff(image)
    assert abs((steps > 0).mean() - 0.5) < 0.02
