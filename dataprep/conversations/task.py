"""Runs one task of the conversations job: a range of one file's rows becomes its shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import orjson

from common.printable import has_controls
from dataprep.conversations import embedded_rows
from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.inputs import Source
from dataprep.conversations.json_array import Span
from dataprep.conversations.pictures import Picture, Pictures
from dataprep.conversations.template import Conversation, conversation
from dataprep.engine.rejects import RejectError, Rejects, part_file
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.image_text import held_out
from dataprep.image_text.settings import TaskSpec, encode_all
from dataprep.image_text.write_windows import Item, write
from dataprep.storage import json_value


class Judged(NamedTuple):
    """A row that may go in."""

    found: Conversation
    row_id: str
    pictures: tuple[Picture, ...]
    held_out: bool


Payload = tuple[int, Source, Span]
"""The task's number, and its rows of which file."""


def work(payload: Payload, scratch: Scratch, spec: TaskSpec) -> Receipt:
    """Pack the rows `payload[2]` of the file `payload[1]`; the task's number is `payload[0]`."""
    number, source, span = payload
    refused, receipts, pictures = Rejects(), dict[str, Receipt](), Pictures(spec.job, scratch.path("pictures"))
    good = ((row, row.held_out) for row in judge_rows(source, span, spec, refused, pictures))
    for folder, chosen in held_out.sides(good, both=bool(spec.job.held_out)).items():
        items, warnings = conversation_items(chosen, spec, source.path, refused)
        written = write(items, pictures.read, spec.windows, scratch, number, folder)
        receipts[folder] = {**written, "written": len(items), "warnings": warnings}
    refused.publish(scratch, part_file(number))
    return held_out.receipt(receipts, refused)


def judge_rows(
    source: Source, span: Span, spec: TaskSpec, refused: Rejects, pictures: Pictures | None = None
) -> list[Judged]:
    """The good rows of `span`; the others go to `refused`."""
    pictures, good = pictures or Pictures(spec.job), list[Judged]()
    for name, row, inside in rows(source, span):
        try:
            if isinstance(row, RejectError):
                raise row
            good.append(_judge(row, name, inside, pictures, spec))
        except RejectError as rejected:
            refused.add(name, rejected.reason, rejected.detail)
    return good


def rows(source: Source, span: Span) -> Iterator[tuple[str, Any, tuple[bytes | None, ...]]]:
    """Rows of `span` as (name, row or why it is none, the pictures that the input holds)."""
    if source.kind == "parquet":
        for name, found in embedded_rows.read(source.path, span):
            yield (name, found, ()) if isinstance(found, RejectError) else (name, found.row, found.pictures)
        return
    for name, data in source.texts(span):
        try:
            yield name, _parsed(data), ()
        except RejectError as rejected:
            yield name, rejected, ()


def _parsed(data: bytes) -> Any:
    try:
        row = json_value.loads(data)
    except orjson.JSONDecodeError as error:
        raise RejectError("bad_json", str(error)) from None
    if not json_value.whole(row):
        if not json_value.whole(row.get("conversations") if isinstance(row, dict) else row):
            raise RejectError("bad_json", "a lone surrogate in the conversation")
        row = json_value.mended(row)
    return row


def _judge(row: Any, name: str, inside: tuple[bytes | None, ...], pictures: Pictures, spec: TaskSpec) -> Judged:
    """The row's conversation, its images looked at."""
    job: ConversationsJob = spec.job
    found = conversation(row, name)
    row_id = _row_id(row.get("id"))
    spec.ban.check(row_id)
    datas = inside or (None,) * len(found.images)
    judged = tuple(pictures.judge(image, data) for image, data in zip(found.images, datas, strict=True))
    held = bool(job.held_out) and held_out.is_held_out(_key(found, judged, spec), job.held_out, job.seed)
    if job.text_only:
        found, judged = replace(found, images=()), ()
    return Judged(found, row_id, judged, held)


def _key(found: Conversation, pictures: Sequence[Picture], spec: TaskSpec) -> int:
    """Returns the key that decides whether the row is held out: of its pictures, or of its text where it has none."""
    if pictures:
        return held_out.key([one.digest for one in pictures], spec.ties)
    return held_out.digest("".join(part for part, _ in found.segments).encode())


def _row_id(value: Any) -> str:
    """The row's `id`, "" where it has none. Raises RejectError(bad_row)."""
    if isinstance(value, list | dict):
        raise RejectError("bad_row", "`id` is neither text nor a number")
    if isinstance(value, str) and has_controls(value):
        raise RejectError("bad_row", "`id` has control characters")
    return "" if value is None else str(value)


def conversation_items(
    good: Sequence[Judged], spec: TaskSpec, path: str, refused: Rejects
) -> tuple[list[Item[Picture]], list[str]]:
    """Conversations as items with their loss mask, and warnings; too long ones are refused."""
    segments = [one.found.segments for one in good]
    encoded, warnings = encode_all(spec, [text for one in segments for text, _ in one])
    ids, items = iter(encoded), list[Item[Picture]]()
    dtype, identity = spec.windows.dtype, spec.tokenizer.identity
    assert spec.conversation is not None
    end, end_of_turn = (np.array([one], dtype) for one in (identity.end_of_text_id, spec.conversation.end_of_turn_id))
    for (found, row_id, pictures, _), parts in zip(good, segments, strict=True):
        visual = len(found.images) * spec.image_tokens
        pieces: list[Any] = [np.full(visual, identity.image_id, dtype)]
        masks: list[Any] = [np.zeros(visual, np.uint8)]
        for _, is_answer in parts:
            encoded_part = next(ids)
            pieces += [encoded_part, end_of_turn] if is_answer else [encoded_part]
            masks.append(np.full(len(encoded_part) + is_answer, is_answer, np.uint8))
        tokens, mask = np.concatenate([*pieces, end]), np.concatenate([*masks, np.ones(1, np.uint8)])
        if len(tokens) > spec.windows.seq_len:
            refused.add(
                found.name, "conversation_too_long", f"{len(tokens):,} ids in a window of {spec.windows.seq_len:,}"
            )
            continue
        origin = {"id": row_id, "input": path, "image": "\n".join(found.images)}
        counts = {"visual": visual, "text": len(tokens) - visual}
        items.append(Item(found.name, tokens, counts, pictures, mask, origin))
    return items, warnings
