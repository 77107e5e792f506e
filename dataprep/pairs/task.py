"""Runs one task of the pairs job: one tar, or Parquet file that holds its pictures, becomes its shards.

Rows are taken in uid order, so that two tars with the same samples in any order give the same bytes. Captions are
encoded in batches; images are judged one at a time and read again when their window is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from dataprep.engine.rejects import RejectError, Rejects, part_file
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.image_text import held_out
from dataprep.image_text.settings import TaskSpec, encode_all
from dataprep.image_text.write_windows import Item, write
from dataprep.images.inspect import ImageInfo, inspect
from dataprep.pairs import inputs, left_out
from dataprep.pairs.caption import Caption, choose
from dataprep.pairs.config import PairsJob
from dataprep.pairs.read import PairRow
from dataprep.tar.read import Member

_NEAR = 4096
"""Bytes that are read at a time while rows are looked for: headers, json and txt of a pair lie side by side."""
Payload = tuple[int, str]
"""The task's number, and its input."""


def work(payload: Payload, scratch: Scratch, spec: TaskSpec) -> Receipt:
    """Packs an input into its shards."""
    number, path = payload
    refused = Rejects()
    out_of_it = left_out.dropped(scratch.out, number) if spec.job.selects else {}
    unfit = left_out.verdicts(scratch.out, number) if spec.job.selects else None
    held = left_out.held_out(scratch.out, number) if spec.job.held_out else frozenset[int]()
    receipts: dict[str, Receipt] = {}
    with inputs.opened(path, refused, scratch.directory, near=_NEAR) as (tar, found):
        rows = sorted(enumerate(found), key=lambda placed: placed[1].uid)
        chosen: list[tuple[tuple[PairRow, Caption], bool]] = []
        for place, row in rows:
            try:
                if place in out_of_it:
                    raise RejectError(out_of_it[place])
                if unfit is None:
                    chosen.append(((row, judge(row, tar, spec)[0]), place in held))
                elif place in unfit:
                    raise RejectError(*unfit[place])
                else:
                    chosen.append(((row, _caption(row, spec)), place in held))
            except RejectError as rejected:
                refused.add(row.uid, rejected.reason, rejected.detail)
        for folder, here in held_out.sides(chosen, both=bool(spec.job.held_out)).items():
            items, warnings = pair_items(here, spec, path, refused)
            receipt = write(items, lambda member: member.read(tar), spec.windows, scratch, number, folder)
            captions = Counter(str(item.origin["caption"]).partition(":")[0] for item in items)
            receipts[folder] = {**receipt, "written": len(items), "warnings": warnings, "captions": dict(captions)}
    refused.publish(scratch, part_file(number))
    return held_out.receipt(receipts, refused)


def judge(row: PairRow, tar: BinaryIO, spec: TaskSpec) -> tuple[Caption, ImageInfo]:
    """The row's caption, and what its image is.

    Raises:
        RejectError: the row is banned, or its caption or its image is not fit.
    """
    job: PairsJob = spec.job
    spec.ban.check(row.uid, row.url)
    caption = _caption(row, spec)
    if row.image.size > job.images.max_bytes:
        raise RejectError("image_too_large", f"{row.image.size:,} bytes")
    return caption, inspect(row.image.read(tar), job.images, decode=job.decode)


def _caption(row: PairRow, spec: TaskSpec) -> Caption:
    return choose(spec.job.captions, row.uid, spec.job.seed, row.web, row.synthetic)


def pair_items(
    chosen: Sequence[tuple[PairRow, Caption]], spec: TaskSpec, path: str, refused: Rejects
) -> tuple[list[Item[Member]], list[str]]:
    """Pairs as items (`image_id` x image tokens, caption ids, end of text) and warnings; too long ones are refused."""
    tokens, identity = spec.windows, spec.tokenizer.identity
    head = np.full(spec.image_tokens, identity.image_id, tokens.dtype)
    tail = np.array([identity.end_of_text_id], tokens.dtype)
    items: list[Item[Member]] = []
    ids_of_captions, warnings = encode_all(spec, [caption.text for _, caption in chosen])
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
    return items, warnings
