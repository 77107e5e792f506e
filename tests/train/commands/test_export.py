"""The options of `export`."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import InputError
from train.__main__ import main


def test_options_without_effect_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--private: has no effect without --push"):
        main(["export", str(tmp_path), str(tmp_path / "hf"), "--private"])
    with pytest.raises(InputError, match="--push: HF_HUB_OFFLINE is set; unset it"):
        main(["export", str(tmp_path), str(tmp_path / "hf"), "--push", "us/model"])
