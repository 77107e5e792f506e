"""One task of the pairs job: one tar to its shards.

Rows are taken in uid order, so that two tars with the same samples in any order give the same bytes. Captions are
encoded in batches; images are judged one at a time and read again when their window is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from dataprep import files, rejects
from dataprep.image import inspect, verify
from dataprep.multimodal import TaskSpec
from dataprep.pairs.caption import Caption, choose
from dataprep.pairs.config import PairsJob
from dataprep.pairs.read import PairRow, read_rows
from dataprep.rejects import RejectError, Rejects
from dataprep.tasks import Receipt, Scratch
from dataprep.tokenizer import Encoder, encoder
from dataprep.webdataset import Member
from dataprep.windows import Item, write

CHECKED = 64
"""Captions of a task on which gigatoken is compared with tokenizers."""


def work(payload: tuple[int, str], scratch: Scratch, spec: TaskSpec) -> Receipt:
    """Pack the tar `payload[1]`, task number `payload[0]`."""
    number, path = payload
    refused = Rejects()
    with files.open_input(path) as tar:
        rows = sorted(read_rows(tar, path, refused), key=lambda row: row.uid)
        chosen = [pair for row in rows if (pair := _judge(row, tar, spec.job, refused)) is not None]
        items = pair_items(chosen, spec, path, refused)
        receipt = write(items, lambda member: member.read(tar), spec.windows, scratch, number)
    if refused.counts:
        scratch.publish_bytes(refused.jsonl(), f"{rejects.FOLDER}/{number:05}.jsonl")
    written = len(items)
    return {**receipt, "rows": written + refused.counts.total(), "written": written, "rejected": dict(refused.counts)}


def _judge(row: PairRow, tar: BinaryIO, job: PairsJob, refused: Rejects) -> tuple[PairRow, Caption] | None:
    """The row with its caption, if both caption and image are good."""
    try:
        caption = choose(job.captions, row.uid, job.seed, row.web, row.synthetic)
        if row.image.size > job.images.max_bytes:
            raise RejectError("image_too_large", f"{row.image.size:,} bytes")
        data = row.image.read(tar)
        info = inspect(data, job.images)
        if job.decode:
            verify(data, info)
    except RejectError as rejected:
        refused.add(row.uid, rejected.reason, rejected.detail)
        return None
    return row, caption


def pair_items(
    chosen: Sequence[tuple[PairRow, Caption]], spec: TaskSpec, path: str, refused: Rejects
) -> list[Item[Member]]:
    """Pairs as items: `image_id` x image tokens, caption ids, end of text. Too long ones go to `refused`."""
    tokens, identity = spec.windows, spec.tokenizer.identity
    head = np.full(spec.image_tokens, identity.image_id, tokens.dtype)
    tail = np.array([identity.end_of_text_id], tokens.dtype)
    items: list[Item[Member]] = []
    ids_of_captions = encode_all(encoder(spec.tokenizer), [caption.text for _, caption in chosen], tokens.dtype)
    for (row, caption), ids in zip(chosen, ids_of_captions, strict=True):
        length = len(head) + len(ids) + 1
        if length > tokens.seq_len:
            refused.add(row.uid, "pair_too_long", f"{length:,} ids in a window of {tokens.seq_len:,}")
            continue
        items.append(
            Item(
                name=row.uid,
                ids=np.concatenate([head, ids, tail]),
                counts={"visual": len(head), "caption": len(ids) + 1},
                images=(row.image,),
                origin={
                    "uid": row.uid,
                    "url": row.url,
                    "input": path,
                    "key": row.key,
                    "caption": f"{caption.source}:{caption.index}",
                },
            )
        )
    return items


def encode_all(encode: Encoder, texts: Sequence[str], dtype: np.dtype[Any]) -> list[npt.NDArray[Any]]:
    """Ids of every text, as arrays of `dtype`; a sample is checked against tokenizers first."""
    if not texts:
        return []
    encode_batch, _ = encode.choose(texts[:: max(1, len(texts) // CHECKED)])
    flat, lengths = encode_batch(texts)
    return np.split(flat.astype(dtype), np.cumsum(lengths)[:-1])
