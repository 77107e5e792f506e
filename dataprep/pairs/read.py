"""Reads samples of a webdataset tar as rows of the pairs job: uid, captions, and where the image lies.

Whatever wrote the tar, ours, img2dataset or someone else: the image is the member with an image's extension (its
content is judged later, not its name), the web caption is `txt` or the json's `caption`, synthetic captions are
`syn_text` of the json or of `syn.json`, the uid is the json's or else the key. Small members are read under caps; the
image is only located.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Literal

import orjson

from common.printable import has_controls
from dataprep.engine.rejects import RejectError, Rejects
from dataprep.images import other_kinds
from dataprep.storage import json_value
from dataprep.tar.read import Member, Sample, samples
from dataprep.tar.seen_keys import SeenKeys

# The name only says where to look: pictures of kinds that are not taken get that as their reason, by their content.
IMAGE_EXTENSIONS = ("jpg", "jpeg", "png", "webp", "gif", "jfif", "img")
MAX_TEXT_BYTES = 1 << 20
"""For txt and json members; a caption list or metadata never comes near."""


@dataclass(frozen=True)
class PairRow:
    """One image with the captions that the tar has for it."""

    uid: str
    key: str
    image: Member
    web: str | None
    synthetic: tuple[str, ...]
    url: str | None
    meta: Mapping[str, Any] = field(default_factory=dict)
    """The json members' fields, for `where`."""


def read_rows(tar: BinaryIO, name: str, rejects: Rejects) -> Iterator[PairRow]:
    """Rows of `tar` in file order; samples that are no row go to `rejects` (one each).

    Raises:
        InputError: the tar itself is damaged.
    """
    keys = SeenKeys()
    uids: set[str] = set()
    for sample in samples(tar, name):
        try:
            if sample.unsafe:
                raise RejectError("unsafe_name")
            if again := keys.again(sample):
                raise _come_again(sample, again)
            row = _row(tar, sample)
            if row.uid in uids:
                raise RejectError("duplicate_uid", row.uid)
            uids.add(row.uid)
        except RejectError as rejected:
            rejects.add(sample.key, rejected.reason, rejected.detail)
            continue
        yield row


def _come_again(sample: Sample, how: Literal["repeated", "apart"]) -> RejectError:
    """Tells the rest of a pair whose members lie apart from another pair of the same name."""
    if how == "apart":
        return RejectError(
            "members_apart", f"{', '.join(sorted(sample.members)[:8])} after others; use `tar --sort=name`"
        )
    return RejectError("duplicate_key")


def _row(tar: BinaryIO, sample: Sample) -> PairRow:
    image = sample.first(*IMAGE_EXTENSIONS, *other_kinds.EXTENSIONS)
    if image is None:
        raise RejectError("no_image", f"members: {', '.join(sorted(sample.members)[:8])}")
    meta = {**_object(tar, sample, "syn.json"), **_object(tar, sample, "json")}
    uid = meta.get("uid")
    if isinstance(uid, str) and has_controls(uid):
        raise RejectError("unsafe_name", f"uid {uid!a}")
    web = _text(tar, sample, "txt")
    if web is None:
        web = next(filter(None, (first_text(meta.get(name)) for name in ("caption", "text"))), None)
    synthetic = meta.get("syn_text")
    return PairRow(
        uid=uid if isinstance(uid, str) and uid else sample.key,
        key=sample.key,
        image=image,
        web=web,
        synthetic=tuple(text for text in _list(synthetic) if isinstance(text, str)),
        url=meta["url"] if isinstance(meta.get("url"), str) else None,
        meta=meta,
    )


def first_text(value: Any) -> str | None:
    """Finds a string, or the first one of a list."""
    return next((text for text in _list(value) if isinstance(text, str)), None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _object(tar: BinaryIO, sample: Sample, extension: str) -> dict[str, Any]:
    data = _small(tar, sample, extension)
    if data is None:
        return {}
    try:
        value = json_value.mended_loads(data)
    except orjson.JSONDecodeError as error:
        raise RejectError("bad_json", f"{extension}: {error}") from None
    if not isinstance(value, dict):
        raise RejectError("bad_json", f"{extension}: not an object")
    return value


def _text(tar: BinaryIO, sample: Sample, extension: str) -> str | None:
    data = _small(tar, sample, extension)
    return None if data is None else data.decode("utf-8", "replace")


def _small(tar: BinaryIO, sample: Sample, extension: str) -> bytes | None:
    member = sample.members.get(extension)
    if member is None:
        return None
    if member.size > MAX_TEXT_BYTES:
        raise RejectError("member_too_large", f"{extension}: {member.size:,} bytes")
    return member.read(tar)
