"""Tests of addresses on the hub: repository, revision and path, written and read again."""

from __future__ import annotations

import pytest

from common.errors import InputError
from common.hub_address import Place, parse


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("hf://datasets/o/n", Place("o/n", "main", "")),
        ("hf://datasets/o/n/", Place("o/n", "main", "")),
        ("hf://datasets/o/n/a/b.jsonl", Place("o/n", "main", "a/b.jsonl")),
        ("hf://datasets/o/n@v1.0/a", Place("o/n", "v1.0", "a")),
        ("hf://datasets/o/n@a%2Fb/a", Place("o/n", "a/b", "a")),
        ("hf://datasets/o/n@refs/convert/parquet/d/c", Place("o/n", "refs/convert/parquet", "d/c")),
        ("hf://datasets/o/n@refs/pr/3", Place("o/n", "refs/pr/3", "")),
        ("hf://datasets/o/n/a@b", Place("o/n", "main", "a@b")),
    ],
)
def test_a_place_is_read_from_its_address(uri: str, place: Place) -> None:
    assert parse(uri) == place


@pytest.mark.parametrize(
    "uri", ["hf://o/n/x", "hf://datasets/o", "hf://datasets/@o/n", "hf://models/o/n", "https://x/y"]
)
def test_what_is_no_address_of_a_dataset_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match="not an address of a dataset on the hub; write hf://datasets/OWNER/NAME"):
        parse(uri)


@pytest.mark.parametrize(
    "place", [Place("o/n", "main", ""), Place("o/n", "refs/pr/3", "a/b"), Place("o/n", "0123abc", "a b.jsonl")]
)
def test_a_place_is_written_as_it_is_read(place: Place) -> None:
    assert parse(place.uri) == place
    assert not place.uri.endswith("/")
