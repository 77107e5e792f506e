"""Writes packed items as MDS shards, for pairs and conversations alike.

An item is one pair or one conversation: ids with image placeholders, an optional loss mask, and references to its
images. Images are read when their window is written, so a task holds one window of image bytes and never its whole
input (a whole shard where it is to be compressed).
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from common.errors import InputError
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.image_text.packing import pack
from dataprep.mds.layout import Layout
from dataprep.mds.shard import write_samples
from dataprep.provenance import row_parts
from schemas import row_provenance
from schemas.manifest import TokenizerIdentity


class StoredImage(Protocol):
    """Where an image lies; its bytes are read later."""

    @property
    def size(self) -> int:
        """Returns the size in encoded bytes."""


ImageRef = TypeVar("ImageRef", bound=StoredImage)


@dataclass(frozen=True)
class Item(Generic[ImageRef]):
    """One pair or conversation, ready to be packed."""

    name: str
    """Row, uid or id, for provenance."""
    ids: npt.NDArray[Any]
    """Shape (length,), of the dataset's token type; the end-of-text id comes last."""
    counts: Mapping[str, int]
    """Ids by kind (`visual`, `caption`, `text`); sums to the length."""
    images: Sequence[ImageRef]
    """In the order of their placeholders; `write` is told how to read them."""
    mask: npt.NDArray[np.uint8] | None = None
    """Shape (length,), 1 where the id's prediction bears loss."""
    origin: Mapping[str, str | None] = field(default_factory=dict)
    """Provenance: URL, caption choice, input; the same keys in all items of a task."""


@dataclass(frozen=True)
class WindowSpec:
    """Holds what all windows of a dataset share."""

    seq_len: int
    tokenizer: TokenizerIdentity
    dtype: np.dtype[Any]
    """Type of the token column: uint16 or uint32."""
    masked: bool
    """Whether there is a `loss_mask` column."""
    shard_bytes: int
    """Raw bytes at which a new shard starts."""
    buffer: int
    """Items that the packer may hold back."""
    compression: str | None = None

    @property
    def layout(self) -> Layout:
        """Columns of the MDS dataset."""
        columns = {
            "tokens": f"ndarray:{self.dtype.name}:{self.seq_len}",
            "images": "bytes",
            "image_lengths": "ndarray:uint32",
        }
        if self.masked:
            columns["loss_mask"] = f"ndarray:uint8:{self.seq_len}"
        return Layout(columns, self.compression, self.shard_bytes)


def write(
    items: Sequence[Item[ImageRef]],
    read_image: Callable[[ImageRef], bytes],
    spec: WindowSpec,
    scratch: Scratch,
    task: int,
    folder: str = "",
) -> Receipt:
    """Pack `items`, write the task's shards, and return what the manifest needs to know of them.

    Args:
        folder: of the dataset, below the root ("" is the root itself).

    Returns:
        The receipt: samples, images, counts (ids by kind, `pad` included), tokens (their sum), shards (index entry,
        name, bytes and digest of each); and for the report, lengths (rows by their ids without image tokens) and
        items_in_window (windows by rows).
    """
    windows = list(pack((len(item.ids) for item in items), spec.seq_len, spec.buffer))
    held = [[items[index] for index in window] for window in windows]
    layout = spec.layout
    sizes = [_sample_bytes(window, layout) for window in held]
    shards = []
    for number, (first, last) in enumerate(_grouped(sizes, spec.shard_bytes)):
        encoded = (layout.encode_sample(_sample(window, read_image, spec)) for window in held[first:last])
        local = scratch.path("shard.mds")
        shard = write_samples(layout, row_parts.shard_number(task, number), sizes[first:last], encoded, local)
        scratch.publish(local, posixpath.join(folder, shard.basename), shard.digest)
        shards.append({"entry": shard.entry, "name": shard.basename, "bytes": shard.bytes, "digest": shard.digest})
    scratch.publish_bytes(row_parts.parquet(items, windows), posixpath.join(folder, row_provenance.part_file(task)))
    counts = {kind: sum(item.counts[kind] for item in items) for kind in (items[0].counts if items else ())}
    counts["pad"] = spec.seq_len * len(windows) - sum(len(item.ids) for item in items)
    return {
        "samples": len(windows),
        "images": sum(len(item.images) for item in items),
        "counts": counts,
        "tokens": spec.seq_len * len(windows),
        "shards": shards,
        "lengths": _strings(Counter(len(item.ids) - item.counts.get("visual", 0) for item in items)),
        "items_in_window": _strings(Counter(map(len, windows))),
    }


def _strings(counts: Counter[int]) -> dict[str, int]:
    """Turns keys into strings, as a receipt holds them: keys of JSON objects are strings."""
    return {str(key): count for key, count in counts.items()}


def _lengths(items: Sequence[Item[ImageRef]]) -> npt.NDArray[np.uint32]:
    """Bytes of each image of a window."""
    return np.array([image.size for item in items for image in item.images], np.uint32)


def _sample_bytes(items: Sequence[Item[ImageRef]], layout: Layout) -> int:
    """Size of a window's sample, known before its images are read."""
    lengths = _lengths(items)
    column = next(one for one in layout.in_order if one.name == "image_lengths")
    return layout.sample_bytes(len(column.encode(lengths)) + int(lengths.sum(dtype=np.int64)))


def _sample(
    items: Sequence[Item[ImageRef]], read_image: Callable[[ImageRef], bytes], spec: WindowSpec
) -> dict[str, Any]:
    used = sum(len(item.ids) for item in items)
    sample: dict[str, Any] = {
        "tokens": np.concatenate(
            [*(item.ids for item in items), np.full(spec.seq_len - used, spec.tokenizer.pad_id, spec.dtype)]
        ),
        "images": [_image(item, image, read_image) for item in items for image in item.images],
        "image_lengths": _lengths(items),
    }
    if spec.masked:
        masks = [item.mask for item in items if item.mask is not None]
        assert len(masks) == len(items)
        sample["loss_mask"] = np.concatenate([*masks, np.zeros(spec.seq_len - used, np.uint8)])
    return sample


def _image(item: Item[ImageRef], image: ImageRef, read_image: Callable[[ImageRef], bytes]) -> bytes:
    data = read_image(image)
    if len(data) != image.size:
        problem = f"an image of {item.name} had {image.size:,} bytes when it was judged and has {len(data):,} now"
        raise InputError(problem, remedy="leave the inputs alone while the job runs, and start it again")
    return data


def _grouped(sizes: Sequence[int], limit: int) -> Iterator[tuple[int, int]]:
    """Runs [first, last) of samples of at most `limit` bytes (a single larger one stands alone)."""
    first, held = 0, 0
    for number, size in enumerate(sizes):
        if number > first and held + size > limit:
            yield first, number
            first, held = number, 0
        held += size
    if first < len(sizes):
        yield first, len(sizes)
