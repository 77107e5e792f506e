"""Defines the options of `df.write.format("mds")`, and what follows from them and the DataFrame's columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError
from pyspark.sql import types

from common.errors import InputError
from common.quantities import Bytes
from dataprep.mds.layout import Layout
from dataprep.storage.location import Location
from dataprep.tokens import tokenizer as tokenizers
from dataprep.tokens.tokenizer import TokenizerSpec
from schemas.strict_model import Strict

_INTEGERS = (types.ByteType, types.ShortType, types.IntegerType, types.LongType)
_ORDERED = (*_INTEGERS, types.StringType, types.BinaryType, types.DateType, types.TimestampType)
"""Types of keys: Spark and Python order their values alike."""


class MdsOptions(Strict):
    """Options, as `.option(NAME, VALUE)` gives them; the names of Spark's options have no case."""

    path: Location
    """Directory of the dataset, as `.save(PATH)` gives it: a path, s3://, gs:// or hdfs://."""
    key: str = Field(min_length=1)
    """Column, or columns with commas between, by which the DataFrame is sorted; no two rows have the same key."""
    column: str | None = None
    """Column of the documents: text, ids as an array of integers or as binary; by default the one that is no key."""
    tokenizer: Location
    """`tokenizer.json`, or a directory that holds it; of ids, the one that made them."""
    end_of_text: str = tokenizers.END_OF_TEXT
    """Special token that is put after every document."""
    pad: str = tokenizers.PAD
    """Special token that fills up the last window of each partition."""
    ids_type: Literal["uint16", "uint32"] | None = None
    """Type of binary ids, little endian."""
    seq_len: int = Field(default=2048, ge=1, le=1 << 20)
    """Ids in a sample."""
    shard_bytes: Bytes = Field(default=64 << 20, ge=1 << 10, le=(1 << 32) - (1 << 20))
    """A shard's samples before compression, in bytes."""
    compression: str | None = Field(default=None, pattern=r"^zstd(:([1-9]|1[0-9]|2[0-2]))?$")
    """None, `zstd` or `zstd:LEVEL`."""
    licences: str | None = None
    """Licences of the documents, with commas between, for the manifest."""

    @classmethod
    def parse(cls, options: Mapping[str, str]) -> MdsOptions:
        """The options of a DataFrameWriter. Raises InputError for one that is missing, unknown or wrong."""
        try:
            return cls.model_validate(dict(options))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            name = ".".join(map(str, first["loc"])) or None
            known = ", ".join(cls.model_fields)
            raise InputError(f"format 'mds': {first['msg']}", field=name, remedy=f"the options are {known}") from None


@dataclass(frozen=True)
class Target:
    """Holds all that the tasks of a write need."""

    options: MdsOptions
    spec: TokenizerSpec
    keys: tuple[str, ...]
    column: str
    kind: Literal["text", "ids", "bytes"]
    run: str
    """Names the write: part of the names of all its files."""

    @classmethod
    def of(cls, options: MdsOptions, schema: types.StructType, run: str) -> Target:
        """Checks the options against the DataFrame's columns, and loads the tokenizer. Raises InputError."""
        keys = tuple(name.strip() for name in options.key.split(","))
        has = f"the DataFrame has {', '.join(schema.names) or 'no columns'}"
        rest = [name for name in schema.names if name not in keys]
        if options.column is None and len(rest) != 1:
            raise InputError("which column holds the documents?", field="column", remedy=f"name it; {has}")
        column = options.column or rest[0]
        for field, name in [("column", column), *(("key", key) for key in keys)]:
            if schema.names.count(name) != 1:
                raise InputError(f"no column {name}, or several", field=field, remedy=f"name one; {has}")
        for key in keys:
            if not isinstance(schema[key].dataType, _ORDERED):
                remedy = "sort by integers, text, binary, dates or timestamps"
                raise InputError(f"{key} is {schema[key].dataType.simpleString()}", field="key", remedy=remedy)
        spec = tokenizers.load(options.tokenizer, end_of_text=options.end_of_text, pad=options.pad)
        target = cls(options, spec, keys, column, _kind(schema[column].dataType, column, options), run)
        if target.per_shard < 1:
            least = options.seq_len * spec.dtype.itemsize
            raise InputError("less than one sample", field="shard_bytes", remedy=f"use at least {least:,}")
        return target

    @property
    def layout(self) -> Layout:
        """Columns of the dataset: those of a text job."""
        options = self.options
        columns = {"tokens": f"ndarray:{self.spec.dtype}:{options.seq_len}"}
        return Layout(columns, options.compression, options.shard_bytes)

    @property
    def per_shard(self) -> int:
        """Samples that a shard may have."""
        return self.options.shard_bytes // (self.options.seq_len * self.spec.dtype.itemsize)

    @property
    def ids_type(self) -> np.dtype[Any]:
        """Type of binary ids."""
        return np.dtype(self.options.ids_type or self.spec.dtype).newbyteorder("<")


def _kind(found: types.DataType, column: str, options: MdsOptions) -> Literal["text", "ids", "bytes"]:
    if isinstance(found, types.StringType):
        return "text"
    if isinstance(found, types.ArrayType) and isinstance(found.elementType, _INTEGERS):
        return "ids"
    if isinstance(found, types.BinaryType):
        if options.ids_type is None:
            raise InputError(f"{column} is binary", field="ids_type", remedy="say uint16 or uint32, as its ids are")
        return "bytes"
    remedy = "give text, an array of integers, or binary with `ids_type`"
    raise InputError(f"{column} is {found.simpleString()}", field="column", remedy=remedy)
