"""The hostile server (`stranger`) as a fixture."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.helpers.stranger import Picture, Stranger, running


@pytest.fixture(scope="module")
def stranger(picture: Picture) -> Iterator[Stranger]:
    """A running server."""
    with running(picture) as server:
        yield server
