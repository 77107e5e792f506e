"""Waits until a takedown (`python -m dataprep remove`) has moved its new files into place.

It does so one by one, the manifest last, and while it does a journal lies in the dataset. In between, a shard may be
newer than the receipt that vouches for it. That is no damage: who meets it waits until the journal is gone, and reads
the manifest again. A journal that stays belongs to a takedown that was killed; then the error says how to finish it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from common.errors import InputError
from common.uri import is_remote
from schemas.manifest import JOURNAL_NAME
from train.loader.cache.download import PART, Patience
from train.loader.cache.hub_downloader import downloader_for
from train.loader.errors import SourceError

T = TypeVar("T")
_POLL = 0.5
"""Seconds between looks."""


def when_settled(
    read: Callable[[], T | None],
    place: str,
    scratch: Path,
    patience: Patience,
    closing: Callable[[], bool] = lambda: False,
) -> T | None:
    """Returns what `read` gives, asked again while a takedown of the dataset at `place` is under way.

    Args:
        read: None, or an `InputError`, if it finds nothing that fits together.
        scratch: a directory for a remote's journal.
        closing: asked while waiting; true ends it.

    Raises:
        SourceError: of `read`, at once; or a takedown was interrupted.
        InputError: of `read`, when no takedown is under way.
    """
    until, changing, sure = time.monotonic() + patience.total, False, False
    while True:
        try:
            found = read()
            if found is not None or (sure and not changing):
                return found
        except SourceError:
            raise
        except InputError:
            if sure and not changing:
                raise
        if sure and (closing() or time.monotonic() > until):
            raise SourceError(
                "a takedown is under way, or was interrupted",
                file=place,
                remedy=f"finish it: python -m dataprep remove {place}",
            )
        if changing:
            time.sleep(_POLL)
        changing, sure = under_way(place, scratch), True  # checked before reading, so that the next read is complete


def under_way(place: str, scratch: Path) -> bool:
    """Whether a takedown is moving files."""
    if not is_remote(place):
        return (Path(place) / JOURNAL_NAME).is_file()
    target = scratch / f".journal.{secrets.token_hex(4)}{PART}"
    downloader = downloader_for(place)
    try:
        downloader.download(f"{place}/{JOURNAL_NAME}", str(target))
        return True
    except Exception:  # each remote has its own way to say that there is none
        return False
    finally:
        target.unlink(missing_ok=True)
        downloader.clean_up()
