"""A sample leads to the part of the task that wrote it, and to the uids of its pictures."""

import pytest

from schemas import row_provenance
from schemas.manifest import Manifest, ShardReceipt


@pytest.mark.parametrize(
    ("sample", "place"), [(0, (0, 0)), (2, (0, 2)), (3, (0, 3)), (4, (2, 0)), (8, (2, 4)), (9, (2, 5)), (10, (0, 4))]
)
def test_samples_are_counted_within_their_task(sample: int, place: tuple[int, int]) -> None:
    """Whatever the order of the shards."""
    shards = [("shard.00000.mds", 3), ("shard.00001.mds", 1), ("shard.02000.mds.zstd", 5), ("shard.02001.mds.zstd", 1)]
    shards.append(("shard.00002.mds", 1))
    receipts = [ShardReceipt(name=name, samples=count, bytes=1, digest="") for name, count in shards]
    manifest = Manifest.model_construct(shards=receipts)
    assert row_provenance.place_of(manifest, sample) == place
    with pytest.raises(IndexError):
        row_provenance.place_of(manifest, 11)


def test_a_picture_has_the_uid_of_its_row() -> None:
    pairs = [
        {"images": 1, "uid": "a"},
        {"images": 0, "uid": "b"},
        {"images": 2, "uid": "c"},
        {"images": 1, "uid": None},
    ]
    assert row_provenance.uids(pairs) == ["a", "c", "c", None]
    assert row_provenance.uids([{"images": 1, "id": "conversation"}]) == ["conversation"]


def test_the_command_can_be_pasted() -> None:
    assert row_provenance.remove_command("data/pairs", "a1") == "python -m dataprep remove data/pairs --uid a1"
    assert row_provenance.remove_command("my data", "it's $1").endswith("""remove 'my data' --uid 'it'"'"'s $1'""")
