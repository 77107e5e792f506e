"""Rows of a finished MDS dataset, in order, read apart from whoever else reads it.

`StreamingDataset` is made for trainings: it unpacks compressed shards beside themselves and claims names in shared
memory, and two evaluations that start together fail on both (tried). Here each shard is compared with the manifest's
receipt and unpacked into a folder that goes when the block ends; the dataset is never written to.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streaming.base.compression import decompress
from streaming.base.format import reader_from_json

from schemas.errors import InputError
from schemas.manifest import Manifest
from train.loader.fetch import DamagedFileError, check_file

_REMEDY = "prepare the dataset again"


@contextmanager
def held_out_rows(dataset: Path, manifest: Manifest, limit: int | None) -> Iterator[Iterator[dict[str, Any]]]:
    """The dataset's first `limit` rows, or all, each as a dict by column.

    Raises:
        InputError: a shard among them, or the index, is missing or damaged.
    """
    count = min(manifest.samples, limit or manifest.samples)
    index = _index(dataset, manifest)
    with tempfile.TemporaryDirectory(prefix="held-out-") as folder:
        yield _rows(dataset, manifest, index, count, Path(folder))


def _index(dataset: Path, manifest: Manifest) -> list[dict[str, Any]]:
    file = dataset / "index.json"
    try:
        shards: list[dict[str, Any]] = json.loads(file.read_bytes())["shards"]
        found = [(str(_stored(shard)["basename"]), int(shard["samples"])) for shard in shards]
    except OSError as error:
        raise InputError(f"cannot read the index ({error.strerror})", file=file, remedy=_REMEDY) from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"damaged index ({error!r})", file=file, remedy=_REMEDY) from None
    if found != [(receipt.name, receipt.samples) for receipt in manifest.shards]:
        raise InputError("the index has other shards than the manifest", file=file, remedy=_REMEDY)
    return shards


def _stored(shard: dict[str, Any]) -> dict[str, Any]:
    """What lies on the disk of a shard: it, or its compressed form."""
    found: dict[str, Any] = shard.get("zip_data") or shard["raw_data"]
    return found


def _rows(
    dataset: Path, manifest: Manifest, index: list[dict[str, Any]], count: int, folder: Path
) -> Iterator[dict[str, Any]]:
    left = count
    for shard, receipt in zip(index, manifest.shards, strict=True):
        if left <= 0:
            return
        file, place = dataset / receipt.name, dataset
        try:
            check_file(file, receipt.bytes, int(receipt.digest, 16))
            if shard.get("zip_data"):
                place = folder
                raw = decompress(shard["compression"], file.read_bytes())
                (folder / shard["raw_data"]["basename"]).write_bytes(raw)
        except DamagedFileError as error:
            raise InputError(f"damaged shard: {error}", file=file, remedy=_REMEDY) from None
        except OSError as error:
            raise InputError(f"cannot read the shard ({error.strerror})", file=file, remedy=_REMEDY) from None
        reader = reader_from_json(str(place), None, shard)
        reader.validate(allow_unsafe_types=False)
        for number in range(min(left, receipt.samples)):
            yield reader[number]
        left -= receipt.samples
        if place == folder:
            (folder / shard["raw_data"]["basename"]).unlink()
