"""What jobs only read is never written: one line, with a remedy."""

from __future__ import annotations

import pytest

from common.errors import InputError
from dataprep.storage.read_only import ReadOnly


@pytest.mark.parametrize("method", ["publish", "delete_dir", "delete_file"])
def test_writing_is_refused_with_the_place(method: str) -> None:
    with pytest.raises(InputError, match=r"^hub/x: jobs read from here and do not write; use another `out`$"):
        getattr(ReadOnly(), method)("hub/x")
    assert ReadOnly().identity("hub/x") is None
