"""Tests of making shards readable: in place or through the cache, compared with their receipts, damage named."""

from pathlib import Path

import numpy as np
import pytest

from schemas.manifest import Manifest
from tests.helpers import synthetic
from train.loader.cache.download import Patience
from train.loader.errors import DamagedSourceError, SourceError
from train.loader.sources.make_table import make_table, receipts_of
from train.loader.sources.shard_table import ShardTable
from train.loader.sources.source_stream import SourceStream

PATIENCE = Patience(total=0.5, first=0.01)


def table_of(dataset: Path) -> ShardTable:
    index = (dataset / "index.json").read_bytes()
    return make_table(index, receipts_of(Manifest.load(dataset)), synthetic.source(dataset), str(dataset))


def stream(dataset: Path, folder: Path) -> SourceStream:
    folder.mkdir(exist_ok=True)
    return SourceStream("text", str(dataset), table_of(dataset), folder, PATIENCE, lambda: table_of(dataset))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return synthetic.write(tmp_path / "plain", "text", 60)


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return synthetic.write(tmp_path / "packed", "text", 60, compression="zstd:3")


def test_a_local_dataset_is_read_where_it_lies(plain: Path, tmp_path: Path) -> None:
    source = stream(plain, tmp_path / "cache")
    shard = source.shard(1)
    assert (source.in_place, source.prepare_shard(shard), shard.get_max_size()) == (True, 0, 0)
    assert (shard[0]["tokens"][1:3] - 2).tolist() == list(
        divmod(source.table.find(0)[1] + shards_before(source, 1), 50)
    )
    assert list(source.left_over()) == []
    assert list((tmp_path / "cache").iterdir()) == []


def shards_before(source: SourceStream, number: int) -> int:
    return int(source.table.records["samples"][:number].sum())


def test_a_compressed_one_is_unpacked_into_the_cache(packed: Path, tmp_path: Path) -> None:
    source = stream(packed, tmp_path / "cache")
    shard = source.shard(2)
    grown = source.prepare_shard(shard)
    (raw,) = (tmp_path / "cache").iterdir()
    assert (raw.name, raw.stat().st_size) == (shard.raw_data.basename, grown)
    first = shards_before(source, 2)
    assert [int(np.dot(row["tokens"][1:3].astype(int) - 2, [50, 1])) for row in (shard[0], shard[1])] == [
        first,
        first + 1,
    ]


def test_what_an_earlier_loader_left_whole_is_taken_over_and_what_is_not_goes(packed: Path, tmp_path: Path) -> None:
    source, cache = stream(packed, tmp_path / "cache"), tmp_path / "cache"
    sizes = [source.prepare_shard(source.shard(number)) for number in (0, 1, 3)]
    (cache / source.shard(1).raw_data.basename).write_bytes(b"torn")
    (cache / "stranger.mds").touch()
    assert list(stream(packed, cache).left_over()) == [(0, sizes[0]), (3, sizes[2])]
    assert not (cache / source.shard(1).raw_data.basename).exists()
    assert (cache / "stranger.mds").exists()


@pytest.mark.parametrize("kind", ["plain", "packed"])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda data: data[:-1], r"is damaged: it has [0-9,]+ bytes, the manifest says"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "is damaged: its hash is"),
    ],
)
def test_a_stored_file_is_the_one_of_its_receipt(request, tmp_path: Path, kind: str, damage, said: str) -> None:
    dataset = request.getfixturevalue(kind)
    source = stream(dataset, tmp_path / "cache")
    stored = dataset / source.shard(0).stored.basename
    stored.write_bytes(damage(stored.read_bytes()))
    with pytest.raises(DamagedSourceError, match=rf"shard '{stored.name}' of source 'text' {said}"):
        source.prepare_shard(source.shard(0))
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_shard_that_is_missing_is_no_damage(plain: Path, tmp_path: Path) -> None:
    source = stream(plain, tmp_path / "cache")
    (plain / source.shard(0).stored.basename).unlink()
    with pytest.raises(SourceError, match=r"cannot be read \(No such file or directory\); restore it, or") as caught:
        source.prepare_shard(source.shard(0))
    assert not isinstance(caught.value, DamagedSourceError)


def test_a_shard_that_a_takedown_has_written_again_is_read_by_its_new_receipt(plain: Path, tmp_path: Path) -> None:
    source = stream(plain, tmp_path / "cache")
    stored = plain / source.shard(0).stored.basename
    stored.write_bytes(stored.read_bytes()[:-2] + b"\x05\0")
    with pytest.raises(DamagedSourceError):
        source.prepare_shard(source.shard(0))
    index, manifest = plain / "index.json", Manifest.load(plain)
    receipt = synthetic.receipt(plain, {"basename": stored.name, "bytes": stored.stat().st_size}, 7)
    (plain / "manifest.json").write_text(
        (plain / "manifest.json").read_text().replace(manifest.shards[0].digest, receipt.digest)
    )
    assert index.is_file()
    assert source.prepare_shard(source.shard(0)) == 0
