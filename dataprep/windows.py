"""From packed items to MDS shards: what pairs and conversations share once their rows are tokens.

An item is one pair or one conversation: ids with image placeholders, an optional loss mask, and references to its
images. Images are read when their window is written, so a task holds one shard of image bytes and never its whole
input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from dataprep import origins
from dataprep.mds.shard import Layout, Shard, join_samples
from dataprep.packing import pack
from dataprep.tasks import Receipt, Scratch
from schemas.manifest import TokenizerIdentity

ImageRef = TypeVar("ImageRef")


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
    """What all windows of a dataset share."""

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
) -> Receipt:
    """Pack `items`, write the task's shards, and return what the manifest needs to know of them.

    Returns:
        The receipt: samples, images, counts (ids by kind, `pad` included), tokens (their sum), shards (index entry,
        name, bytes and digest of each); and for the report, lengths (rows by their ids without image tokens) and
        items_in_window (windows by rows).
    """
    layout = spec.layout
    windows = list(pack((len(item.ids) for item in items), spec.seq_len, spec.buffer))
    counts: Counter[str] = Counter({"pad": spec.seq_len * len(windows)})
    for item in items:
        counts.update(item.counts)
        counts["pad"] -= len(item.ids)
    encoded = (layout.encode_sample(_sample([items[i] for i in window], read_image, spec)) for window in windows)
    shards = []
    for number, group in enumerate(_grouped(encoded, spec.shard_bytes)):
        shards.append(_publish(join_samples(layout, origins.shard_number(task, number), group), scratch))
    scratch.publish_bytes(origins.parquet(items, windows), origins.part_file(task))
    return {
        "samples": len(windows),
        "images": sum(len(item.images) for item in items),
        "counts": dict(counts),
        "tokens": spec.seq_len * len(windows),
        "shards": shards,
        "lengths": _strings(Counter(len(item.ids) - item.counts.get("visual", 0) for item in items)),
        "items_in_window": _strings(Counter(map(len, windows))),
    }


def _strings(counts: Counter[int]) -> dict[str, int]:
    """As a receipt holds them: keys of JSON objects are strings."""
    return {str(key): count for key, count in counts.items()}


def _sample(
    items: Sequence[Item[ImageRef]], read_image: Callable[[ImageRef], bytes], spec: WindowSpec
) -> dict[str, Any]:
    used = sum(len(item.ids) for item in items)
    images = [read_image(image) for item in items for image in item.images]
    sample: dict[str, Any] = {
        "tokens": np.concatenate(
            [*(item.ids for item in items), np.full(spec.seq_len - used, spec.tokenizer.pad_id, spec.dtype)]
        ),
        "images": images,
        "image_lengths": np.array([len(image) for image in images], np.uint32),
    }
    if spec.masked:
        masks = [item.mask for item in items if item.mask is not None]
        assert len(masks) == len(items)
        sample["loss_mask"] = np.concatenate([*masks, np.zeros(spec.seq_len - used, np.uint8)])
    return sample


def _grouped(encoded: Iterable[bytes], limit: int) -> Iterator[list[bytes]]:
    """Runs of samples of at most `limit` bytes (a single larger one stands alone)."""
    group: list[bytes] = []
    size = 0
    for sample in encoded:
        if group and size + len(sample) > limit:
            yield group
            group, size = [], 0
        group.append(sample)
        size += len(sample)
    if group:
        yield group


def _publish(shard: Shard, scratch: Scratch) -> dict[str, Any]:
    published = scratch.publish_bytes(shard.data, shard.basename)
    return {"entry": shard.entry, "name": published.name, "bytes": published.bytes, "digest": shard.digest}
