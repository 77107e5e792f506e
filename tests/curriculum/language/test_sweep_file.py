"""The language of sweep files."""

from typing import Any

import pytest
from pydantic import ValidationError

from curriculum.language.sweep_file import Sweep, Throughput


def test_the_least_that_is_a_sweep() -> None:
    read = Sweep.model_validate({"curriculum": "c.yaml", "grids": [{"name": "all"}]})
    assert (read.train, read.throughput, read.idle_before_images) == (None, None, [])


@pytest.mark.parametrize(("gpus", "nodes", "each"), [(1, 1, 1), (8, 1, 8), (64, 8, 8)])
def test_machines(gpus: int, nodes: int, each: int) -> None:
    throughput = Throughput(tokens_per_second=1, gpus=gpus)
    assert (throughput.nodes, throughput.gpus_each) == (nodes, each)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"grids": []}, "at least 1 item"),
        ({"grids": [{"name": "a", "axes": {"switch": []}}]}, "axis 'switch' has no values"),
        ({"throughput": {"tokens_per_second": 0}}, "greater than 0"),
        ({"throughput": {"tokens_per_second": 1, "gpus": 12}}, "12 GPUs do not fill nodes of 8"),
        ({"grid": []}, "not permitted"),
    ],
)
def test_mistakes(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Sweep.model_validate({"curriculum": "c.yaml", "grids": [{"name": "all"}], **changes})
