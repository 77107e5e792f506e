"""Judges the values of a DataFrame's column: text, or ids that the tokenizer has, of one document each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataprep.dataframe.options import Target
from dataprep.engine.rejects import RejectError


def values(column: pa.Array, target: Target) -> Sequence[Any]:
    """The values of a column as `document` takes them."""
    if target.kind == "ids":
        return [one.values for one in column]  # None where the row has none
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return list(column.cast(pa.binary()).to_pylist())


def document(value: Any, target: Target) -> Any:
    """The text, or the ids without their end of text, of one row.

    Raises:
        RejectError: missing_document, empty_text, invalid_utf8, bad_ids, several_documents.
    """
    if value is None:
        raise RejectError("missing_document")
    if target.kind == "text":
        return _text(value)
    if target.kind == "bytes":
        if len(value) % target.ids_type.itemsize:
            raise RejectError("bad_ids", f"{len(value):,} bytes are no whole number of {target.ids_type.name}")
        return _ids(np.frombuffer(value, target.ids_type).astype(np.int64), target)
    if value.null_count:
        raise RejectError("bad_ids", "null")
    return _ids(value.to_numpy().astype(np.int64), target)


def _text(value: str | bytes) -> str:
    if not value:
        raise RejectError("empty_text")
    try:
        return value if isinstance(value, str) else value.decode()
    except UnicodeDecodeError as error:
        raise RejectError("invalid_utf8", f"byte {error.start}: {error.reason}") from None


def _ids(ids: npt.NDArray[np.int64], target: Target) -> npt.NDArray[np.uint32]:
    identity = target.spec.identity
    ids = ids[:-1] if len(ids) and ids[-1] == identity.end_of_text_id else ids  # it is put there again
    if not len(ids):
        raise RejectError("empty_text")
    if int(ids.min()) < 0 or int(ids.max()) >= identity.vocabulary_size:
        raise RejectError("bad_ids", f"beyond the {identity.vocabulary_size:,} ids of the tokenizer")
    if (ids == identity.end_of_text_id).any():
        raise RejectError("several_documents", "an end of text before the end: give a row a document")
    if (ids == identity.pad_id).any():
        raise RejectError("bad_ids", "padding")
    return ids.astype(np.uint32)
