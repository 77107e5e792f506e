"""Expands files, folders and globs to a sorted list of files."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable

import pyarrow.fs as pafs

from common.errors import InputError
from common.hub_address import SCHEME
from dataprep.storage.files import WEB, absolute, exists, list_files, resolve

_SHOWN = r"(?!\.|_(?![^/]*=))"
"""Spark's rule, at the beginning of a name: `.` and `_` hide it, but for partitions such as `_day=7`."""
_HIDDEN = re.compile(rf"(?:.*/)?(?!{_SHOWN})[^/]+(?:/.*)?", re.DOTALL)


def expand(patterns: Iterable[str]) -> list[str]:
    """Files that `patterns` (paths, directories or globs; `**` spans directories) name: absolute, sorted, each once.

    Names that begin with `_` or `.` (`_SUCCESS`, `.part-0.crc`) are files of tools: directories and wildcards leave
    them out, and a pattern has to spell their first character.

    Files of the hub are named by the commit that their revision stands for now.

    Raises:
        InputError: a pattern that names no file.
    """
    found: set[str] = set()
    for pattern in patterns:
        uri = absolute(pattern)
        if uri.startswith(WEB):
            if not exists(uri):
                raise InputError("no such file", file=pattern, remedy="check the address; the web has no wildcards")
            found.add(uri)
            continue
        uri = pinned(uri)
        matched = _glob(uri) if re.search(r"[*?\[]", uri) else _shown(uri) if _is_directory(uri) else [uri]
        if not matched or (matched == [uri] and not exists(uri)):
            raise InputError("no file matches", file=pattern, remedy="check the path or the glob")
        found.update(matched)
    return sorted(found)


def pinned(uri: str) -> str:
    """`uri`, by the commit that its revision stands for now if it lies on the hub."""
    if not uri.startswith(SCHEME):
        return uri
    from dataprep.storage import hub

    return hub.pinned(uri)


def _shown(root: str) -> list[str]:
    return [name for name in list_files(root) if not _HIDDEN.fullmatch(name.removeprefix(f"{root.rstrip('/')}/"))]


def _is_directory(uri: str) -> bool:
    filesystem, path = resolve(uri)
    return bool(filesystem.get_file_info(path).type == pafs.FileType.Directory)


def _glob(uri: str) -> list[str]:
    root = re.split(r"[*?\[]", uri, maxsplit=1)[0].rpartition("/")[0] or "/"
    pattern = re.compile(glob_regex(uri), re.DOTALL)
    return [name for name in list_files(root) if pattern.match(name)]


def glob_regex(pattern: str) -> str:
    """`**/` is any number of directories, `*` and `?` stay inside one component, as in a shell.

    A wildcard does not match the first character of a hidden name.
    """
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", pattern)
    special = {"**/": rf"(?:{_SHOWN}[^/]+/)*", "**": rf"[^/]*(?:/{_SHOWN}[^/]*)*", "*": r"[^/]*", "?": r"[^/]"}
    body, first = "", True  # whether a name begins here
    for part in filter(None, parts):
        wild = special.get(part) or (fnmatch.translate(part)[4:-3] if part.startswith("[") else None)
        body += (_SHOWN if first and part != "**/" else "") + wild if wild else re.escape(part)
        first = part.endswith("/")
    return rf"{body}\Z"
