"""Converts every input file, list or tar, to one form (uid, URL, captions, hash): the first stage of a download.

Lists (DataComp's Parquet files, others' text) and DataComp-DR's tars say different things about the same uids. Each is
brought to the same Arrow schema by one task per file, so that a damaged input is a message with its name, and the join
that follows reads one kind of file. Of a tar only `.json`, `.syn.json` and `.url.txt` are read, under caps: `.npz` and
`.pth.gz` are skipped by their headers alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

from common import resources
from common.errors import InputError
from common.printable import has_controls
from dataprep.download.client.reasons import Reason
from dataprep.download.config import DATACOMP, Columns
from dataprep.download.url_lists import UrlList
from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.storage import files, foreign_parquet, json_value
from dataprep.tar.read import Member, samples
from dataprep.tar.seen_keys import SeenKeys

Source = Literal["metadata", "dr"]
SCHEMA = pa.schema(
    [
        ("uid", pa.string()),
        ("url", pa.string()),
        ("caption", pa.string()),
        ("syn_text", pa.list_(pa.string())),
        ("expected_sha256", pa.string()),
        ("clip_b32_similarity_score", pa.float64()),
        ("clip_l14_similarity_score", pa.float64()),
    ]
)
BATCH = 8192
MAX_MEMBER_BYTES = 1 << 20
MAX_URL = 8192
_NO_UID = ("nan", "NaN", "None")
"""Texts that pandas writes for an absent value."""


def extract(payload: tuple[Source, str, str], scratch: Scratch, columns: Columns = DATACOMP) -> Receipt:
    """Read the input `payload[1]` and publish its rows as `payload[2]`; rows without uid or URL are counted."""
    source, path, name = payload
    local = scratch.path("rows.parquet")
    rows = written = 0
    with pq.ParquetWriter(local, SCHEMA, compression="zstd") as writer:
        for batch in _listed(path, columns) if source == "metadata" else _tar(path):
            table = pa.Table.from_pylist([row for row in batch if _usable(row, source)], SCHEMA)
            rows, written = rows + len(batch), written + table.num_rows
            writer.write_table(table)
    scratch.publish(local, name)
    rejected = Counter({str(Reason.BAD_ROW): rows - written})
    return {"rows": rows, "written": written, "rejected": dict(+rejected), "file": name}


def count_rows(path: str, columns: Columns = DATACOMP) -> int | None:
    """Rows of the list `path`, by the footer of a Parquet file; None for text that has some, which would have to be
    read.

    Raises:
        InputError: it is no list, or text without a column that is asked for.
    """
    found = UrlList.of(path)
    if found.kind != "parquet":
        _present(path, columns, found.names())
        return None if next(found.rows(), None) is not None else 0
    try:
        with files.open_input(path) as stream:
            return int(foreign_parquet.opened(stream).metadata.num_rows)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: Exception) -> Exception:
    return resources.lacking(error, path) or InputError(
        f"not a readable Parquet file ({str(error).splitlines()[0][:200]})", file=path
    )


def _usable(row: dict[str, Any], source: Source) -> bool:
    """A row of the metadata needs uid and URL; one of a tar the uid (its URL matters where there is no metadata)."""
    url = row.get("url")
    uid = row["uid"]
    return (
        bool(uid)
        and uid not in _NO_UID
        and not has_controls(uid)
        and (source == "dr" or bool(url))
        and len(url or "") <= MAX_URL
    )


def _listed(path: str, columns: Columns) -> Iterator[list[dict[str, Any]]]:
    found = UrlList.of(path)
    for rows in _parquet(path, columns) if found.kind == "parquet" else _text_list(found, columns):
        yield rows if columns.uid else [{**row, "uid": _derived_uid(row.get("url"))} for row in rows]


def _present(path: str, columns: Columns, there: Collection[str]) -> dict[str, str]:
    """The list's name of each column of `SCHEMA` that it has. Raises InputError where one lacks that is asked for."""
    ours = {"caption": columns.caption, "expected_sha256": columns.sha256, "uid": columns.uid, "url": columns.url}
    names = {name: ours.get(name, name) for name in SCHEMA.names}
    asked = {name for name in columns.model_fields_set if getattr(columns, name) is not None} | {"url"}
    wanted = {getattr(columns, name) for name in asked} | ({columns.uid} if columns.uid else set())
    if missing := wanted - set(there):
        has = ", ".join([*there][:12]) or "none"
        remedy = "name its columns with `columns:` ({uid: null} where it has no uids)"
        if any("://" in name for name in there):
            remedy = "write the names of its columns as its first line"
        raise InputError(f"no column {', '.join(sorted(missing))}; it has {has}", file=path, remedy=remedy)
    return {ours: theirs for ours, theirs in names.items() if theirs in there}


def _parquet(path: str, columns: Columns) -> Iterator[list[dict[str, Any]]]:
    try:
        with files.open_input(path) as stream:
            parquet = foreign_parquet.opened(stream)
            present = _present(path, columns, parquet.schema_arrow.names)
            for batch in foreign_parquet.batches(parquet, BATCH, sorted(set(present.values()))):
                yield _batch_rows(batch, present)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _text_list(found: UrlList, columns: Columns) -> Iterator[list[dict[str, Any]]]:
    present = _present(found.uri, columns, names) if (names := found.names()) or found.kind == "fields" else {}
    rows = found.rows()
    while batch := list(islice(rows, BATCH)):
        yield [
            {"uid": None} | {ours: _value(row.get(theirs), SCHEMA.field(ours).type) for ours, theirs in present.items()}
            for row in batch
        ]


def _value(value: object, wanted: pa.DataType) -> Any:
    """A value of a text list as `wanted`, None where it is no such."""
    if wanted == pa.float64():
        try:
            number = float(value) if isinstance(value, str | int | float) else math.nan
        except (ValueError, OverflowError):
            return None
        return number if math.isfinite(number) else None
    if wanted == pa.list_(pa.string()):
        return [one for one in map(_text, value) if one] if isinstance(value, list) else None
    if isinstance(value, list):
        value = next(filter(None, map(_text, value)), None)
    if isinstance(value, int | float):
        value = str(int(value)) if not isinstance(value, float) or value.is_integer() else str(value)
    return _text(value) or None


def _derived_uid(url: str | None) -> str | None:
    """The uid of a row whose list has none: the same URL is the same picture."""
    return xxhash.xxh3_128_hexdigest(url) if url else None


def _batch_rows(batch: pa.RecordBatch, present: dict[str, str]) -> list[dict[str, Any]]:
    """The rows of `batch`; one with text that is not UTF-8, which Parquet writers need not check, has no uid."""
    columns = {ours: _cast(batch.column(theirs), SCHEMA.field(ours).type) for ours, theirs in present.items()}
    try:
        rows: list[dict[str, Any]] = pa.table(columns).to_pylist()
    except UnicodeDecodeError:
        if batch.num_rows == 1:
            return [{"uid": None}]
        return [row for at in range(batch.num_rows) for row in _batch_rows(batch.slice(at, 1), present)]
    return rows


def _cast(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    """`column` as `wanted`; of a list of texts, the first one."""
    if pa.types.is_list(column.type) and wanted == pa.string():
        column = pa.array([next(filter(None, texts or []), None) for texts in column.to_pylist()], pa.string())
    return column.cast(wanted)


def _tar(path: str) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    seen = SeenKeys()
    with files.open_input(path) as tar:
        for sample in samples(tar, path):
            if seen.again(sample) == "apart":
                remedy = "make the tar with `tar --sort=name`"
                raise InputError(f"the members of {sample.key!r} lie apart", file=path, remedy=remedy)
            meta = {**_json(tar, sample.members.get("syn.json")), **_json(tar, sample.members.get("json"))}
            url = _bytes(tar, sample.members.get("url.txt"))
            captions = meta.get("syn_text")
            rows.append(
                {
                    "uid": _text(meta.get("uid")) or sample.key.rpartition("/")[2],
                    "url": None if url is None else url.decode("utf-8", "replace").strip(),
                    "syn_text": [c for c in map(_text, captions) if c] if isinstance(captions, list) else [],
                    "expected_sha256": _text(meta.get("sha256")),
                }
            )
            if len(rows) == BATCH:
                yield rows
                rows = []
    yield rows


def _text(value: object) -> str | None:
    """A JSON string (of valid Unicode), anything else as None."""
    return value if isinstance(value, str) else None


def _json(tar: Any, member: Member | None) -> dict[str, Any]:
    """The object in `member`; a damaged or oversized one counts as absent: the uid is in the name as well."""
    try:
        value = json_value.mended_loads(_bytes(tar, member) or b"{}")
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def _bytes(tar: Any, member: Member | None) -> bytes | None:
    return None if member is None or member.size > MAX_MEMBER_BYTES else member.read(tar)
