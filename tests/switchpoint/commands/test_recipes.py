"""The recipes of a checkout; those of a wheel are looked at in `tests/switchpoint/test___main__.py`."""

from __future__ import annotations

import pytest

from switchpoint.__main__ import main
from tests.helpers.commands import ROOT


def test_a_checkout_names_its_own_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    assert capsys.readouterr().out == f"{ROOT / 'recipes'}\n"
