"""A run config's own promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import ranks
from train.config.run_config import RunConfig


@pytest.mark.parametrize(
    ("out", "name"), [("runs/79m", "79m"), ("sweep/nodes/a1b2/out", "a1b2"), ("out", "out"), ("/out", "out")]
)
def test_nodes_of_a_sweep_have_names_of_their_own_in_loggers(out: str, name: str) -> None:
    assert RunConfig.model_validate(ranks.settings(Path("schedule.json"), Path(out))).name == name
