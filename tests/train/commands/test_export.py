"""The options of `export`."""

from __future__ import annotations

from pathlib import Path

import pytest

from train.__main__ import main


def test_options_without_effect_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, said in (
        (["--private"], "--private: has no effect without --push"),
        (["--push", "us/model"], "--push: HF_HUB_OFFLINE is set; unset it"),
    ):
        assert main(["export", str(tmp_path), str(tmp_path / "hf"), *options]) == 2
        assert said in capsys.readouterr().err
