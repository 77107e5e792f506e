"""A hub of this machine that takes datasets, and a small dataset for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.helpers.hub import Hub


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The hub that huggingface_hub asks in this process."""
    import huggingface_hub.constants
    from huggingface_hub.utils._http import reset_sessions

    from tests.helpers.hub import TOKEN, loopback_hub

    with loopback_hub() as running:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", running.address)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        reset_sessions()
        yield running
    reset_sessions()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A dataset of text, with a job's own folder in it."""
    from tests.helpers import synthetic

    synthetic.schedule(tmp_path)
    folder = tmp_path / "text"
    (folder / ".switchpoint").mkdir(exist_ok=True)
    (folder / ".switchpoint/plan.json").write_text("{}")
    return folder
