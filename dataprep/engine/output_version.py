"""Names what decides a job's bytes beside its inputs and settings: the output version, and the packages that make them.

`OUTPUT_VERSION` is raised by whoever changes the bytes that a job makes of equal inputs. Every other change of the
source (a docstring, a colour of the report, a faster loop) leaves it alone, and datasets that are begun go on.

A package is named where another release of it may make other bytes of the same input:

    gigatoken, tokenizers   the ids of a text
    pillow, simplejpeg      whether a picture is whole, its pixels turned upright, its perceptual hash
    zstandard               compressed shards
    pyarrow                 the Parquet files beside shards and tars; how a damaged input is told from a whole one
    orjson                  which rows are JSON, and the words in which rejects say why one is not
    pyspark                 SQL conditions, and which of several equal rows stays
    img2dataset             how URLs are fetched, and what becomes of each answer
    unicode                 the interpreter's Unicode tables: what is printable, a blank, or the same but for its case

numpy and xxhash are not named: the jobs use integers and byte layouts of numpy, and a hash that is fixed by its name.
webdataset is not named either: its tars have the bytes of the interpreter's `tarfile`, which a test holds.
"""

from __future__ import annotations

import unicodedata
from importlib.metadata import version
from typing import Literal

JobKind = Literal["text", "pairs", "conversations", "download"]

OUTPUT_VERSION: dict[JobKind, int] = {"text": 4, "pairs": 4, "conversations": 5, "download": 4}
"""Raised with every change of the bytes that a job makes of equal inputs, settings and packages."""

_TEXTS, _PICTURES, _FILES = ("gigatoken", "tokenizers", "unicode"), ("pillow", "simplejpeg"), ("orjson", "pyarrow")
MAKERS: dict[JobKind, tuple[str, ...]] = {
    "text": (*_TEXTS, *_FILES, "pyspark", "zstandard"),
    "pairs": (*_TEXTS, *_PICTURES, *_FILES, "pyspark", "zstandard"),
    "conversations": (*_TEXTS, *_PICTURES, *_FILES, "zstandard"),
    "download": (*_PICTURES, *_FILES, "img2dataset"),
}
"""What makes each job's bytes."""


def package_versions(kind: JobKind) -> dict[str, str]:
    """Read the installed version of everything that makes the bytes of the job `kind`."""
    return {name: unicodedata.unidata_version if name == "unicode" else version(name) for name in sorted(MAKERS[kind])}
