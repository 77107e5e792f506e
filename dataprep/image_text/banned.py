"""Refuses pairs that must not get in, by lists of uids and URLs, and by hosts.

In a worker, a list is its lines' 64-bit hashes, sorted: ten million lines take 80 MB.

An opt-out list may be long, and every worker needs all of it. A pair that is on no list is taken for one that is with
a probability of lines / 2^64.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import xxhash

from dataprep.engine.rejects import RejectError
from dataprep.storage import text_list
from dataprep.storage.urls import on_host
from schemas.manifest import InputFile
from schemas.strict_model import OneOrMany, Strict


class Banned(Strict):
    """Rows that must not get in, whatever the inputs hold."""

    uids: OneOrMany = []
    """Text files (paths or globs), one uid (of conversations: id) a line, such as the `removed/*.txt` of a dataset."""
    urls: OneOrMany = []
    """Text files, one URL a line."""
    hosts: OneOrMany = []
    """Host names; their subdomains are meant too."""


@dataclass(frozen=True)
class Ban:
    """Holds what a task needs to refuse pairs: where the lists are, and which hosts are out."""

    lists: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    """(reason code, ((path, digest), ...)); the digest makes a changed file another key of the cache."""
    hosts: frozenset[str] = field(default_factory=frozenset)

    @classmethod
    def of(cls, lists: dict[str, list[InputFile]], hosts: list[str]) -> Ban:
        """Makes a ban from the lists as the plan knows them."""
        named = ((reason, tuple((one.path, one.digest) for one in found)) for reason, found in lists.items() if found)
        return cls(tuple(named), frozenset(host.lower().strip(".") for host in hosts))

    def check(self, uid: str, url: str | None = None) -> None:
        """Raises RejectError with the list's reason code, or banned_host."""
        for reason, listed in self.lists:
            name = url if reason == "banned_url" else uid
            if name is not None and _holds(_load(listed), name):
                raise RejectError(reason, name)
        if self.hosts and url is not None and on_host(url, self.hosts):
            raise RejectError("banned_host", url)


@functools.lru_cache(maxsize=8)
def _load(listed: tuple[tuple[str, str], ...]) -> npt.NDArray[np.uint64]:
    """Hashes of all lines, sorted."""
    lines = (line.strip() for path, _ in listed for line in text_list.read(path))
    return np.unique(np.fromiter((xxhash.xxh3_64_intdigest(line) for line in lines if line), np.uint64))


def _holds(hashes: npt.NDArray[np.uint64], name: str) -> bool:
    wanted = np.uint64(xxhash.xxh3_64_intdigest(name.strip().encode("utf-8", "surrogatepass")))
    at = int(np.searchsorted(hashes, wanted))
    return at < len(hashes) and bool(hashes[at] == wanted)
