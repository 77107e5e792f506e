"""What we encode is, byte for byte, what Streaming's own writer would store, and reads back as it was."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streaming.base.format.mds.encodings import mds_decode, mds_encode

from dataprep.mds.encodings import column

DTYPES = ("uint8", "int8", "uint16", "int32", "uint32", "int64", "float16", "float32", "float64")


@given(st.binary(max_size=300), st.text(max_size=100), st.integers(-(2**63), 2**63 - 1))
def test_plain_values(data: bytes, text: str, number: int) -> None:
    for encoding, value in (("bytes", data), ("str", text), ("int", number)):
        stored = column("c", encoding).encode(value)
        assert stored == mds_encode(encoding, value)
        assert mds_decode(encoding, stored) == value


@given(st.sampled_from(DTYPES), st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_arrays_with_and_without_a_fixed_shape(dtype: str, shape: list[int], seed: int) -> None:
    value = np.random.default_rng(seed).integers(0, 100, shape).astype(dtype)
    sizes = {}
    for encoding in (f"ndarray:{dtype}", f"ndarray:{dtype}:{','.join(map(str, shape))}"):
        one = column("c", encoding)
        stored = one.encode(value)
        assert stored == mds_encode(encoding, value)
        read = mds_decode(encoding, stored)
        assert read.dtype == value.dtype
        assert np.array_equal(read, value)
        sizes[one.size] = len(stored)
    assert sizes[value.nbytes] == value.nbytes


@pytest.mark.parametrize("length", [255, 256, 65_535, 65_536])
def test_the_length_takes_as_many_bytes_as_it_needs(length: int) -> None:
    value = np.zeros(length, np.uint8)
    assert column("c", "ndarray:uint8").encode(value) == mds_encode("ndarray:uint8", value)


def test_an_empty_array_reads_back() -> None:
    stored = column("c", "ndarray:uint32").encode(np.zeros(0, np.uint32))
    assert mds_decode("ndarray:uint32", stored).shape == (0,)


@pytest.mark.parametrize("encoding", ["pkl", "jpeg", "json", "ndarray", "ndarray:object", "ndarray:uint16:", "Bytes"])
def test_other_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(ValueError, match="does not write the MDS encoding"):
        column("c", encoding)


def test_an_array_of_another_type_or_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"column tokens: expected uint16\[4\], got int64\[4\]"):
        column("tokens", "ndarray:uint16:4").encode(np.zeros(4, np.int64))
    with pytest.raises(ValueError, match=r"expected uint16\[4\], got uint16\[5\]"):
        column("tokens", "ndarray:uint16:4").encode(np.zeros(5, np.uint16))
    with pytest.raises(ValueError, match="expected an array of uint32, got uint16"):
        column("lengths", "ndarray:uint32").encode(np.zeros(5, np.uint16))
