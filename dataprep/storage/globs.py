"""Expands files, folders and globs to a sorted list of files."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

import pyarrow.fs as pafs

from common.errors import InputError
from dataprep.storage.files import absolute, exists, list_files, resolve


def expand(patterns: Iterable[str]) -> list[str]:
    """Files that `patterns` (paths, directories or globs; `**` spans directories) name: absolute, sorted, each once.

    Raises:
        InputError: a pattern that names no file.
    """
    found: set[str] = set()
    for pattern in patterns:
        uri = absolute(pattern)
        matched = _glob(uri) if re.search(r"[*?\[]", uri) else list_files(uri) if _is_directory(uri) else [uri]
        if not matched or (matched == [uri] and not exists(uri)):
            raise InputError("no file matches", file=pattern, remedy="check the path or the glob")
        found.update(matched)
    return sorted(found)


def _is_directory(uri: str) -> bool:
    filesystem, path = resolve(uri)
    return bool(filesystem.get_file_info(path).type == pafs.FileType.Directory)


def _glob(uri: str) -> list[str]:
    root = re.split(r"[*?\[]", uri, maxsplit=1)[0].rpartition("/")[0] or "/"
    pattern = re.compile(glob_regex(uri))
    return [name for name in list_files(root) if pattern.match(name)]


def glob_regex(pattern: str) -> str:
    """`**/` is any number of directories, `*` and `?` stay inside one component, as in a shell."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", pattern)
    special = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}
    body = "".join(special.get(p) or (fnmatch.translate(p)[4:-3] if p.startswith("[") else re.escape(p)) for p in parts)
    return rf"{body}\Z"
