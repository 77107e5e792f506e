"""The keyed permutation is one, for every size and key."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.order.permutation import derive_key, permute, permute_one, unpermute


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5000), st.integers(0, 2**64 - 1))
def test_visits_everything_once(size: int, key: int) -> None:
    image = permute(np.arange(size, dtype=np.int64), size, key)
    assert np.array_equal(np.sort(image), np.arange(size))
    assert np.array_equal(unpermute(image, size, key), np.arange(size))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 2**61), st.integers(0, 2**64 - 1), st.lists(st.floats(0, 1, exclude_max=True), max_size=50))
def test_large_sizes_stay_inside_and_apart(size: int, key: int, where: list[float]) -> None:
    index = np.array(sorted({int(w * size) for w in where}), np.int64)
    image = permute(index, size, key)
    assert ((image >= 0) & (image < size)).all()
    assert len(set(image.tolist())) == len(index)
    assert np.array_equal(unpermute(image, size, key), index)


def test_golden_values_hold_on_every_platform() -> None:
    assert derive_key("pass", 7, "text", 0) == 6376658891035950942
    assert permute(np.arange(10, dtype=np.int64), 10, 12345).tolist() == [1, 8, 9, 4, 0, 5, 7, 2, 3, 6]
    wide = permute(np.arange(32, dtype=np.int64) * 10**16, 10**18, 12345)
    assert wide[:3].tolist() == [372610414028489037, 139118829981587014, 641483522301809270]


@settings(max_examples=60, deadline=None)
@given(
    st.one_of(st.integers(1, 100), st.integers(1, 2**34), st.integers(1, 2**61)), st.integers(0, 2**64 - 1), st.data()
)
def test_one_point_and_many_points_agree(size: int, key: int, data: st.DataObject) -> None:
    index = data.draw(st.lists(st.integers(0, size - 1), min_size=17, max_size=40))
    assert permute(np.array(index, np.int64), size, key).tolist() == [permute_one(one, size, key) for one in index]


def test_every_place_is_equally_likely() -> None:
    """Over many keys, where item 0 of 24 goes: chi-squared with 23 degrees of freedom, 0.1 % tail at 49.7."""
    rounds = 4800
    landed = np.bincount([permute_one(0, 24, key) for key in range(rounds)], minlength=24)
    assert ((landed - rounds / 24) ** 2 / (rounds / 24)).sum() < 49.7


def test_looks_shuffled() -> None:
    image = permute(np.arange(100_000, dtype=np.int64), 100_000, derive_key("x", 1))
    assert abs(np.corrcoef(np.arange(100_000), image)[0, 1]) < 0.02
    steps = np.diff(image)
    assert abs((steps > 0).mean() - 0.5) < 0.02
