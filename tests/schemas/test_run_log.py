"""The run's log is read back as it was written; a damaged line is named."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from common.errors import InputError
from schemas.run_log import Step, steps


def step(number: int, **changes: Any) -> Step:
    given: dict[str, Any] = {
        "step": number,
        "position": 8 * number,
        "tokens": 1024 * number,
        "phase": "text",
        "lr": 1e-3,
        "loss": 2.5,
        "loss_by_source": {"text": 2.5},
        "samples": {"text": 8 * number},
        "images": 0,
        "real_tokens": 1000,
        "gradient_norm": 1.0,
        "seconds": 0.5,
        "tokens_per_second": 2048.0,
    }
    return Step(**(given | changes))


def test_round_trip(tmp_path: Path) -> None:
    written = [step(number) for number in range(1, 4)]
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(one.model_dump_json() + "\n" for one in written))
    assert list(steps(path)) == written


@pytest.mark.parametrize("line", ["{", "{}", '{"step": 1}'])
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(step(1).model_dump_json() + "\n" + line + "\n")
    read = steps(path)
    assert next(read).step == 1
    with pytest.raises(InputError, match=r"metrics\.jsonl:2: not a step record"):
        next(read)


def test_a_missing_log_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the run's log"):
        list(steps(tmp_path / "none.jsonl"))


def test_what_cannot_be_is_refused() -> None:
    for changes in ({"step": 0}, {"images": -1}, {"loss_by_source": {"text": "low"}}, {"los": 1}):
        with pytest.raises(ValidationError):
            step(1, **changes)
