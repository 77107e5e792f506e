"""Reads rows of Parquet files that hold their pictures, as rows in LLaVA's form with the pictures beside them.

Two layouts, each with an `id` or without, and other columns that are left alone:

    LLaVA-OneVision    image: {bytes, path}          conversations: [{from, value}]     `<image>` marks the picture
    FineVision         images: [{bytes, path}]       texts: [{user, assistant}]         pictures stand before the texts

`{bytes, path}` is how the library `datasets` stores its `Image`. The first layout is that of LLaVA-OneVision-Data (as
EvolvingLMMs-Lab/sae reads it in `examples/data_process/llava_ov_clevr.py`), the second one that of FineVision (as
nanoVLM reads it in `data/datasets.py` at 4e0c096, which puts all pictures before the first question). One picture or a
list, and either kind of text, are told by what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from common import resources
from common.errors import InputError
from common.printable import has_controls
from dataprep.conversations.json_array import MAX_ROW_BYTES, Span
from dataprep.conversations.template import MARKER
from dataprep.engine.rejects import RejectError
from dataprep.storage import files, foreign_parquet

IMAGES = ("image", "images")
TEXTS = ("conversations", "texts")
ROWS = 16
"""Rows, with their pictures, that are decoded at a time."""


@dataclass(frozen=True)
class EmbeddedRow:
    """A row in LLaVA's form, its pictures apart."""

    row: dict[str, Any]
    pictures: tuple[bytes | None, ...]
    """Of each name in `row["image"]`, its bytes; None where the name is a path below the job's `image_root`."""


def spans(path: str, rows: int) -> Iterator[Span]:
    """Ranges of about `rows` rows, `offset` and `length` counting rows: whole row groups, and parts of larger ones.

    Raises:
        InputError: it is no Parquet, or has no conversations.
    """
    try:
        with files.open_input(path) as stream:
            parquet = foreign_parquet.opened(stream)
            _columns(path, parquet.schema_arrow)
            groups = [parquet.metadata.row_group(n).num_rows for n in range(parquet.metadata.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None
    first = held = 0
    for group in groups:
        if held and held + group > rows:
            yield Span(first, first, held)
            first, held = first + held, 0
        held += group
        while held > rows:
            yield Span(first, first, rows)
            first, held = first + rows, held - rows
    if held:
        yield Span(first, first, held)


def read(path: str, span: Span) -> Iterator[tuple[str, EmbeddedRow | RejectError]]:
    """The rows of `span`, as (how messages name the row, the row or why it is none).

    Raises:
        InputError: the file is damaged.
    """
    try:
        with files.open_input(path) as stream:
            parquet = foreign_parquet.opened(stream)
            columns = _columns(path, parquet.schema_arrow)
            number = span.first
            for batch in foreign_parquet.some(parquet, span.offset, span.length, ROWS, columns):
                for value in foreign_parquet.decoded(batch):
                    yield f"row {number}", _embedded(value, f"{files.basename(path)}#{number}")
                    number += 1
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def has_turns(path: str) -> bool:
    """Whether the Parquet file `path` has a column of conversations. Raises InputError where it is none."""
    try:
        with files.open_input(path) as stream:
            return any(name in TEXTS for name in foreign_parquet.opened(stream).schema_arrow.names)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from None


def _columns(path: str, schema: pa.Schema) -> list[str]:
    """Names of the columns that are read."""
    texts = [name for name in TEXTS if name in schema.names]
    if not texts:
        problem = f"no column {' or '.join(TEXTS)}; it has {', '.join(schema.names[:12]) or 'none'}"
        raise InputError(problem, file=path, remedy="rename the column of the turns")
    return [name for name in ("id", *IMAGES, texts[0]) if name in schema.names]


def _damaged(path: str, error: Exception) -> Exception:
    return resources.lacking(error, path) or InputError(
        f"not a readable Parquet file ({str(error).splitlines()[0][:200]})", file=path, remedy="fetch the file again"
    )


def _embedded(value: dict[str, Any] | UnicodeDecodeError, name: str) -> EmbeddedRow | RejectError:
    """The row in LLaVA's form; `name` is its id where it has none."""
    if isinstance(value, UnicodeDecodeError):
        return RejectError("bad_row", f"not UTF-8 ({value.reason})")
    held = [value[column] for column in IMAGES if value.get(column) is not None]
    listed = [one for images in held for one in (images if isinstance(images, list) else [images])]
    try:
        named = [_picture(one, number) for number, one in enumerate(listed, 1)]
        turns = value["conversations"] if "conversations" in value else _turns(value["texts"], len(named))
    except RejectError as refused:
        return refused
    if sum(_length(turn) for turn in turns or []) > MAX_ROW_BYTES:
        return RejectError("bad_row", f"its texts are longer than {MAX_ROW_BYTES:,} characters")
    row = {"id": name if value.get("id") is None else value["id"], "conversations": turns}
    return EmbeddedRow({**row, "image": [path for path, _ in named]} if named else row, tuple(one for _, one in named))


def _picture(value: Any, number: int) -> tuple[str, bytes | None]:
    """A picture's name and bytes. Raises RejectError(bad_row) where there are none."""
    if isinstance(value, str):
        return value, None
    data, path = (value.get("bytes"), value.get("path")) if isinstance(value, dict) else (value, None)
    is_name = isinstance(path, str) and path and not has_controls(path)
    if isinstance(data, bytes):
        return str(path) if is_name else f"picture {number}", data
    if data is None and is_name:
        return str(path), None
    raise RejectError("bad_row", f"picture {number} has neither bytes nor a path")


def _turns(texts: Any, pictures: int) -> Any:
    """FineVision's rounds as turns; where no marker says where the pictures are, they are before the first question."""
    if not isinstance(texts, list) or not all(isinstance(one, dict) for one in texts):
        raise RejectError("bad_row", "`texts` is no list of rounds")
    turns = [
        {"from": speaker, "value": one.get(key)}
        for one in texts
        for speaker, key in (("human", "user"), ("gpt", "assistant"))
    ]
    if turns and isinstance(turns[0]["value"], str) and not any(MARKER in str(turn["value"]) for turn in turns):
        turns[0]["value"] = f"{MARKER}\n" * pictures + turns[0]["value"]
    return turns


def _length(turn: Any) -> int:
    return len(turn["value"]) if isinstance(turn, dict) and isinstance(turn.get("value"), str) else 0
