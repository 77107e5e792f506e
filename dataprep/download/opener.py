"""Puts our fetcher in the place of urllib's opener, the one seam that img2dataset leaves: it calls `urlopen` itself.

img2dataset is given a row's number instead of its URL (`row:17`). The opener therefore knows which row it opens, and
hands the outcome of a failure over as an object; img2dataset's text about it is not read. See
`docs/decisions/0006-img2dataset-seams.md`.
"""

from __future__ import annotations

import contextlib
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from common.errors import StorageError
from dataprep.download.client.fetch import Fetched, Fetcher
from dataprep.download.client.reasons import FetchError, Reason

SCHEME = "row"


class RowOpener:
    """Opens `row:N`, the URL of row N.

    Args:
        rows: each with its `url`.
        fetcher: opens the URL.
        failed: told of each row that could not be fetched, by one of several threads.
    """

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        fetcher: Fetcher,
        failed: Callable[[Mapping[str, Any], FetchError | StorageError], None],
    ) -> None:
        self._rows, self._fetcher, self._failed = rows, fetcher, failed

    def open(self, request: urllib.request.Request | str, data: None = None, timeout: Any = None) -> Fetched:
        """The picture of a row; urllib's `data` and `timeout` are not used."""
        if isinstance(request, str):
            request = urllib.request.Request(request)
        if request.type != SCHEME:
            raise FetchError(Reason.SCHEME, request.type)
        row = self._rows[int(request.selector)]
        try:
            return self._fetcher.open(_plain(row["url"] or ""))
        except (FetchError, StorageError) as failure:
            self._failed(row, failure)
            raise


def _plain(url: str) -> str:
    """`url` as urllib understands it: without `<URL:>` around it, and without a fragment."""
    try:
        return urllib.request.Request(url).full_url
    except ValueError as error:
        raise FetchError(Reason.BAD_URL, str(error)) from None


@contextlib.contextmanager
def installed(opener: RowOpener) -> Iterator[None]:
    """Let `urllib.request.urlopen` of this process go through `opener`, then put back what was there."""
    before = urllib.request._opener  # type: ignore[attr-defined]  # urllib offers a setter and no getter
    urllib.request.install_opener(opener)  # type: ignore[arg-type]
    try:
        yield
    finally:
        urllib.request.install_opener(before)
