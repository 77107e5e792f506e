"""Tests of what identifies a file: all of its bytes, or its size and blocks all over it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import xxhash

from dataprep.storage import fingerprint


@pytest.mark.parametrize("data", [b"", b"abc", bytes(range(256)) * 40_000])
def test_a_digest_is_of_all_bytes(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "file").write_bytes(data)
    assert fingerprint.digest(str(tmp_path / "file")) == xxhash.xxh3_64_hexdigest(data)


@pytest.mark.parametrize("block", range(16))
def test_a_sampled_fingerprint_sees_each_of_its_blocks(tmp_path: Path, block: int) -> None:
    path, data = tmp_path / "large", bytearray(fingerprint.SAMPLED_ABOVE * 2)
    path.write_bytes(data)
    before = fingerprint.fingerprint(str(path), sampled=True)
    data[(len(data) - 65536) * block // 15 + 65535] ^= 1
    path.write_bytes(data)
    assert fingerprint.fingerprint(str(path), sampled=True) != before


def test_a_sampled_fingerprint_sees_size_and_sampled_blocks(tmp_path: Path) -> None:
    path, data = tmp_path / "large", bytearray(os.urandom(fingerprint.SAMPLED_ABOVE + 100))
    path.write_bytes(data)
    whole, sampled = fingerprint.fingerprint(str(path)), fingerprint.fingerprint(str(path), sampled=True)
    assert whole == fingerprint.digest(str(path))
    assert sampled.startswith("sampled:")
    data[-1] ^= 1
    path.write_bytes(data)
    assert fingerprint.fingerprint(str(path), sampled=True) != sampled
    path.write_bytes(data[: fingerprint.SAMPLED_ABOVE])
    assert fingerprint.fingerprint(str(path), sampled=True) == fingerprint.digest(str(path)), (
        "small files are read whole"
    )
