"""Plain data comes out of every protocol; anything that could run is refused."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from train.evaluation import plain_pickle

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(plain, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data(data, protocol):
    assert plain_pickle._read(pickle.dumps([data, (1, "x"), data], protocol)) == [data, (1, "x"), data]


class Evil:
    def __reduce__(self):
        return (print, ("this must never run",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_runs(tmp_path, protocol, capsys):
    (tmp_path / "refs.p").write_bytes(pickle.dumps([Evil()], protocol))
    with pytest.raises(InputError, match="not plain data"):
        plain_pickle.load(tmp_path / "refs.p")
    assert capsys.readouterr().out == ""


def test_damage(tmp_path):
    whole = pickle.dumps([{"a": [1, 2, 3]}] * 5)
    for length in (0, 1, 10, len(whole) - 1):
        (tmp_path / "refs.p").write_bytes(whole[:length])
        with pytest.raises(InputError):
            plain_pickle.load(tmp_path / "refs.p")
    with pytest.raises(InputError, match="cannot read"):
        plain_pickle.load(tmp_path / "none.p")
