"""Rewrites a shard without some of its rows: those behind them in a window move up; other samples keep their bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from common.errors import InputError
from dataprep.mds import read
from dataprep.mds.index import ShardEntry
from dataprep.mds.layout import Layout
from dataprep.mds.shard import Shard, join_samples
from dataprep.storage import files
from dataprep.takedown.request import Gone
from schemas.manifest import Manifest, TokenizerIdentity


def rewrite(
    out: str,
    name: str,
    entry: ShardEntry,
    here: Mapping[int, Sequence[Gone]],
    part: pa.Table,
    first: int,
    manifest: Manifest,
) -> Shard:
    """The shard `name` without the rows in `here`; its other samples keep their bytes."""
    uri = files.join(out, name)
    layout = Layout(
        dict(zip(entry["column_names"], entry["column_encodings"], strict=True)),
        entry["compression"],
        entry["size_limit"],
    )
    try:
        encoded = read.samples(read.raw_bytes(files.read_bytes(uri), entry), int(entry["samples"]))
        for place, rows in here.items():
            listed = np.flatnonzero(np.asarray(part["sample"]) == first + place)
            kept = ~np.isin(listed, [one.row for one in rows])
            sizes = np.stack([np.asarray(part[name])[listed] for name in ("tokens", "images")])
            window = without(read.decode(layout, encoded[place]), sizes, kept, manifest.tokenizer)
            encoded[place] = layout.encode_sample(window)
        return join_samples(layout, int(name.split(".")[1]), encoded)
    except ValueError as error:
        raise InputError(f"damaged: {error}", file=uri, remedy="see `python -m dataprep verify`") from None


def without(
    window: dict[str, Any], sizes: npt.NDArray[Any], kept: npt.NDArray[np.bool_], tokenizer: TokenizerIdentity
) -> dict[str, Any]:
    """A window's columns with only those rows that are `kept`, and padding behind them.

    Args:
        window: values by column.
        sizes: ids and images of each row in the window, in order; shape (2, rows).
        kept: shape (rows,).

    Raises:
        ValueError: the window does not consist of such rows and padding.
    """
    tokens, lengths = window["tokens"], window["image_lengths"]
    ends = np.cumsum(sizes[0], dtype=np.int64)
    padding = tokens[int(ends[-1]) :]
    if (
        (tokens[ends - 1] != tokenizer.end_of_text_id).any()
        or (padding != tokenizer.pad_id).any()
        or sizes[1].sum() != len(lengths)
    ):
        raise ValueError("a window does not hold what its provenance says")
    ids = tokens[: int(ends[-1])][np.repeat(kept, sizes[0])]
    shown = np.repeat(kept, sizes[1])
    cuts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).tolist()
    found: dict[str, Any] = {
        "tokens": np.full_like(tokens, tokenizer.pad_id),
        "images": b"".join(window["images"][cuts[n] : cuts[n + 1]] for n in np.flatnonzero(shown).tolist()),
        "image_lengths": lengths[shown],
    }
    found["tokens"][: len(ids)] = ids
    if "loss_mask" in window:
        found["loss_mask"] = np.zeros_like(window["loss_mask"])
        found["loss_mask"][: len(ids)] = window["loss_mask"][: int(ends[-1])][np.repeat(kept, sizes[0])]
    return found
