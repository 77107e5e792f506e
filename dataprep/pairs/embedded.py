"""Reads pairs from Parquet files that hold their pictures, as rows of the pairs job.

A picture is a column `image`, of `{bytes, path}` as the library `datasets` stores it or of bytes, or one that is named
by its format (`jpg`, `png`, `webp`: img2dataset's `output_format="parquet"`, `ParquetSampleWriter` in its `writer.py`
1.47). Pictures go to a local file while rows are read, and are found there as a tar's members are.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa

from common import resources
from common.errors import InputError
from common.printable import has_controls
from dataprep.engine.rejects import RejectError, Rejects
from dataprep.pairs.read import MAX_TEXT_BYTES, PairRow, first_text
from dataprep.storage import files, foreign_parquet
from dataprep.tar.read import Member

IMAGES = ("image", "jpg", "jpeg", "png", "webp", "gif")
UIDS = ("uid", "id", "key")
CAPTIONS = ("txt", "caption", "text")
ROWS = 16
"""Rows, with their pictures, that are decoded at a time."""


def read_rows(path: str, held: BinaryIO, rejects: Rejects) -> Iterator[PairRow]:
    """Rows of the file `path` in order, their pictures added to `held`; others go to `rejects`.

    Raises:
        InputError: the file is damaged, or has no pictures.
    """
    uids: set[str] = set()
    try:
        with files.open_input(path) as stream:
            parquet = foreign_parquet.opened(stream)
            image, columns = _columns(path, parquet.schema_arrow)
            number = 0
            for batch in foreign_parquet.batches(parquet, ROWS, columns):
                for value in foreign_parquet.decoded(batch):
                    key, number = f"{files.basename(path)}#{number}", number + 1
                    try:
                        row = _row(value, image, key, held)
                        if row.uid in uids:
                            raise RejectError("duplicate_uid", row.uid)
                    except RejectError as rejected:
                        rejects.add(key, rejected.reason, rejected.detail)
                        continue
                    uids.add(row.uid)
                    yield row
    except (pa.ArrowException, OSError) as error:
        raise resources.lacking(error, path) or InputError(
            f"not a readable Parquet file ({str(error).splitlines()[0][:200]})", file=path, remedy="fetch it again"
        ) from None


def _columns(path: str, schema: pa.Schema) -> tuple[str, list[str]]:
    """The column of the pictures, and all that are read: plain values go to `where`, other pictures stay."""
    image = next((name for name in IMAGES if name in schema.names), None)
    if image is None:
        has = ", ".join(schema.names[:12]) or "none"
        remedy = "rename the column of the pictures, or give webdataset tars"
        raise InputError(f"no column {' or '.join(IMAGES)}; it has {has}", file=path, remedy=remedy)
    return image, [one.name for one in schema if one.name == image or _is_plain(one.type)]


def _is_plain(found: pa.DataType) -> bool:
    if pa.types.is_list(found):
        found = found.value_type
    return bool(
        pa.types.is_string(found)
        or pa.types.is_large_string(found)
        or pa.types.is_integer(found)
        or pa.types.is_floating(found)
        or pa.types.is_boolean(found)
    )


def _row(value: dict[str, Any] | UnicodeDecodeError, image: str, key: str, held: BinaryIO) -> PairRow:
    if isinstance(value, UnicodeDecodeError):
        raise RejectError("bad_row", f"not UTF-8 ({value.reason})")
    picture = value.pop(image)
    data = picture.get("bytes") if isinstance(picture, dict) else picture
    if not isinstance(data, bytes):
        raise RejectError("no_image", f"no bytes in {image}")
    if sum(len(one) for one in value.values() if isinstance(one, str)) > MAX_TEXT_BYTES:
        raise RejectError("member_too_large", f"texts of more than {MAX_TEXT_BYTES:,} characters")
    uid = next((str(value[name]) for name in UIDS if value.get(name) not in (None, "")), key)
    if has_controls(uid):
        raise RejectError("unsafe_name", f"uid {uid!a}")
    offset = held.seek(0, io.SEEK_END)
    held.write(data)
    return PairRow(
        uid=uid,
        key=key,
        image=Member(key, offset, len(data)),
        web=next(filter(None, (first_text(value.get(name)) for name in CAPTIONS)), None),
        synthetic=tuple(one for one in _list(value.get("syn_text")) if isinstance(one, str)),
        url=value["url"] if isinstance(value.get("url"), str) else None,
        meta=value,
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
