"""Checks a finished dataset against its manifest: every byte by hash, every id by count.

Hashes show that files are as written. Counts show that what was written is what was read: pad and placeholder ids are
ids that text never produces, so counting them proves the manifest's token counts, and each document, pair or
conversation ends with exactly one end-of-text id, so counting those proves its row count. Where samples carry images,
each sample must have as many placeholders as its images call for, its image bytes must be as long as it says, and no
placeholder or padding may bear loss.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xxhash

from common import heartbeat, pictures
from common.errors import InputError
from dataprep.engine import journal, lease
from dataprep.engine.checksums import Checksums
from dataprep.engine.dataset import load_manifest
from dataprep.engine.paths import INDEX_NAME
from dataprep.mds import read
from dataprep.mds.index import ShardEntry
from dataprep.mds.layout import Layout
from dataprep.storage import files
from schemas import row_provenance
from schemas.manifest import MAX_PIXELS, Manifest, ShardReceipt


@dataclass(frozen=True)
class Census:
    """Ids of special meaning in a shard or a dataset."""

    end_of_text: int = 0
    pad: int = 0
    image: int = 0
    unknown: int = 0
    """Ids that neither the tokenizer nor the contract knows."""
    images: int = 0
    """Encoded images beside the ids."""

    def __add__(self, other: Census) -> Census:
        return Census(
            self.end_of_text + other.end_of_text,
            self.pad + other.pad,
            self.image + other.image,
            self.unknown + other.unknown,
            self.images + other.images,
        )


class _Sound(NamedTuple):
    """Holds what a shard with the right bytes was found to hold."""

    census: Census
    unusable: list[tuple[int, int, str]]


Uids = Callable[[str, int], list[str | None]]
"""The uids of the pictures of a sample: of (dataset, number of the sample)."""


def verify(dataset: str, uids: Uids | None = None) -> tuple[Manifest, list[str]]:
    """The manifest of `dataset`, and every problem found (none: the dataset is sound).

    Args:
        uids: where the pictures are from. If given, every picture has to decode, under the trainer's cap.

    Raises:
        InputError: there is no finished dataset, or a takedown is changing it.
    """
    root = files.absolute(dataset)
    manifest = load_manifest(root)
    if journal.pending(root):
        lease.check(root)
        return manifest, [f"{root}: a takedown was interrupted; finish it: python -m dataprep remove {dataset}"]
    problems = _problems(root, manifest, uids)
    if problems and (journal.pending(root) or load_manifest(root) != manifest):
        lease.check(root)
        raise InputError("a takedown changed it while it was checked", file=root, remedy="run the same command again")
    return manifest, problems


def _problems(root: str, manifest: Manifest, uids: Uids | None) -> list[str]:
    entries, problems = _index(root, manifest)
    if problems:
        return problems
    census = Census()
    heartbeat.at(f"checking {root}, shards", total=len(entries))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sound = functools.partial(_shard, root, manifest, decode=uids is not None)
        for first, found in zip(_firsts(manifest), pool.map(sound, manifest.shards, entries), strict=True):
            heartbeat.done()
            if isinstance(found, str):
                problems.append(found)
                continue
            census += found.census
            problems += [_unusable(root, uids, first, *one) for one in found.unusable]
    if not manifest.samples:
        problems.append(f"{root}: no samples; rows rejected: {manifest.rows.rejected}")
    return problems or list(_balance(census, manifest)) or _beside(root, manifest)


def _beside(root: str, manifest: Manifest) -> list[str]:
    """List what is wrong with the files beside the shards."""
    known = {shard.name: shard.digest for shard in manifest.shards}
    try:
        return Checksums.load(root).problems(known)
    except InputError as error:
        return [str(error)]


def _firsts(manifest: Manifest) -> list[int]:
    """Number of the first sample of each shard."""
    return [0, *itertools.accumulate(shard.samples for shard in manifest.shards)][:-1]


def _unusable(root: str, uids: Uids | None, first: int, number: int, picture: int, reason: str) -> str:
    """The line about a picture that the trainer would refuse, with what takes it out."""
    sample, uid = first + number, None
    with contextlib.suppress(InputError, OSError, IndexError, KeyError):  # a dataset without provenance
        uid = uids(root, sample)[picture] if uids else None
    remedy = "" if uid is None else f", uid {uid}; `{row_provenance.remove_command(root, uid)}` takes it out"
    return f"{root}: sample {sample}: picture {picture + 1}: {reason}{remedy}"


def _index(root: str, manifest: Manifest) -> tuple[list[ShardEntry], list[str]]:
    uri = files.join(root, INDEX_NAME)
    try:
        entries: list[ShardEntry] = json.loads(files.read_bytes(uri))["shards"]
        stored = [(entry["zip_data"] or entry["raw_data"])["basename"] for entry in entries]
        samples = [entry["samples"] for entry in entries]
    except (InputError, ValueError, KeyError, TypeError) as error:
        return [], [f"{uri}: missing or damaged ({error})"]
    if stored != [shard.name for shard in manifest.shards] or samples != [shard.samples for shard in manifest.shards]:
        return [], [f"{uri}: does not list the shards of the manifest"]
    return entries, []


def _shard(root: str, manifest: Manifest, shard: ShardReceipt, entry: ShardEntry, *, decode: bool) -> _Sound | str:
    uri = files.join(root, shard.name)
    try:
        stored = files.read_bytes(uri)
        if len(stored) != shard.bytes or xxhash.xxh3_64_hexdigest(stored) != shard.digest:
            return f"{uri}: its bytes are not those that the manifest's digest is of"
        raw = read.raw_bytes(stored, entry)
        for algorithm, expected in entry["raw_data"]["hashes"].items():
            if algorithm == "xxh64" and xxhash.xxh64_hexdigest(raw) != expected:
                return f"{uri}: its bytes are not those that the index's hash is of"
        census = Census()
        for ids in read.fixed_column(raw, entry, "tokens"):
            if ids.shape[1] != manifest.seq_len:
                return f"{uri}: samples of {ids.shape[1]} ids, the manifest says {manifest.seq_len}"
            census += _count(ids, manifest)
        if "image_lengths" in entry["column_names"]:
            census += Census(images=_check_images(raw, entry, manifest))
        unusable = list(_unusable_pictures(raw, entry, manifest)) if decode else []
        return _Sound(census, unusable)
    except (InputError, ValueError, KeyError) as error:
        return f"{uri}: {error}" if not isinstance(error, InputError) else str(error)


def _unusable_pictures(raw: bytes, entry: ShardEntry, manifest: Manifest) -> Iterator[tuple[int, int, str]]:
    """(sample of the shard, picture of the sample, why the trainer would refuse it)."""
    if "image_lengths" not in entry["column_names"]:
        return
    columns = dict(zip(entry["column_names"], entry["column_encodings"], strict=True))
    size = manifest.geometry.size if manifest.geometry else 1
    for number, encoded in enumerate(read.samples(raw, int(entry["samples"]))):
        sample = read.decode(Layout(columns), encoded)
        ends = np.cumsum(sample["image_lengths"], dtype=np.int64).tolist()
        for picture, (start, stop) in enumerate(itertools.pairwise([0, *ends])):
            try:
                pictures.decoded(sample["images"][start:stop], size, MAX_PIXELS)
            except pictures.UnusablePictureError as error:
                yield number, picture, str(error)


def _check_images(raw: bytes, entry: ShardEntry, manifest: Manifest) -> int:
    """How many images the shard's samples carry. Raises ValueError for a sample whose parts do not fit each other."""
    columns = dict(zip(entry["column_names"], entry["column_encodings"], strict=True))
    tokens, found = manifest.geometry.tokens if manifest.geometry else 0, 0
    special = (manifest.tokenizer.image_id, manifest.tokenizer.pad_id)
    for number, encoded in enumerate(read.samples(raw, int(entry["samples"]))):
        sample = read.decode(Layout(columns), encoded)
        lengths = sample["image_lengths"]
        placeholders = int((sample["tokens"] == special[0]).sum())
        if placeholders != len(lengths) * tokens:
            raise ValueError(f"sample {number}: {len(lengths)} images, {placeholders} placeholders")
        if int(lengths.sum()) != len(sample["images"]):
            raise ValueError(f"sample {number}: its images are not as long as it says")
        if "loss_mask" in sample and sample["loss_mask"][np.isin(sample["tokens"], special)].any():
            raise ValueError(f"sample {number}: a placeholder or padding bears loss")
        found += len(lengths)
    return found


def _count(ids: npt.NDArray[Any], manifest: Manifest) -> Census:
    tokenizer, turns = manifest.tokenizer, manifest.conversation
    special = (tokenizer.end_of_text_id, tokenizer.pad_id, tokenizer.image_id)
    end, pad, image = (int(np.count_nonzero(ids == one)) for one in special)
    beyond = int(np.count_nonzero(ids >= tokenizer.vocabulary_size))
    if turns is not None and (turns.end_of_turn_id or 0) >= tokenizer.vocabulary_size:
        beyond -= int(np.count_nonzero(ids == turns.end_of_turn_id))
    return Census(end, pad, image, beyond - image)


def _balance(census: Census, manifest: Manifest) -> Iterator[str]:
    pairs = {
        "end-of-text ids and rows written": (census.end_of_text, manifest.rows.written),
        "pad ids": (census.pad, manifest.tokens.pad),
        "image placeholders": (census.image, manifest.tokens.visual),
        "ids outside the vocabulary": (census.unknown, 0),
        "images": (census.images, manifest.images),
    }
    for what, (found, expected) in pairs.items():
        if found != expected:
            yield f"{what}: {found:,} in the shards, {expected:,} in the manifest"
