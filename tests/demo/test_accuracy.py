"""The demo's scores are those of the evaluation's own results."""

from pathlib import Path

import pytest

from common.errors import InputError
from demo.accuracy import Accuracy, Scores
from schemas.results import Prediction, TaskResult


def test_kinds_are_counted_from_the_predictions(tmp_path: Path) -> None:
    rows = [Prediction(id=str(n), group="ab"[n % 3 > 0], prediction="x", target="x", score=n % 2) for n in range(6)]
    result = TaskResult(
        task="questions", metric="accuracy", score=0.5, chance=0.4, items=6, standard_error=0, answers_by="likelihood",
        metrics={"chance/a": 0.25, "chance/b": 0.5}, identity="", files={}, predictions=rows,
    )  # fmt: skip
    (tmp_path / "questions-blind.json").write_text(result.model_dump_json())
    scores = Scores.read(tmp_path, blind=True)
    assert scores.overall == Accuracy(6, 0.5, 0.4)
    assert scores.by_kind == {"a": Accuracy(2, 0.5, 0.25), "b": Accuracy(4, 0.5, 0.5)}
    with pytest.raises(InputError, match=r"questions\.json: cannot read the results"):
        Scores.read(tmp_path, blind=False)
