"""Results as they lie on disk: read back equal, or refused by a line that says which file and field."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from common.errors import InputError
from schemas.manifest import TokenizerIdentity
from schemas.results import Model, Prediction, Results, TaskResult, TaskSummary, load_task

IDENTITY = TokenizerIdentity(digest="a" * 64, vocabulary_size=9, end_of_text_id=0, pad_id=1, image_id=9)
texts = st.text(max_size=20)
scores = st.floats(0, 1)


def summary(**more: object) -> TaskSummary:
    base = {"task": "t", "metric": "m", "score": 0.5, "chance": 0.0, "items": 1, "standard_error": 0.0}
    return TaskSummary.model_validate({**base, "answers_by": "generation", "identity": "i", "files": {}, **more})


def results(tasks: dict[str, TaskSummary]) -> Results:
    model = Model(path="p", digest="d", position=0, schedule="s", architecture="a", tokenizer=IDENTITY)
    return Results(model=model, settings={}, packages={}, tasks=tasks)


@given(said=st.lists(st.tuples(texts, texts, scores), min_size=1, max_size=5))
def test_what_was_written_is_read(tmp_path_factory: pytest.TempPathFactory, said: list[tuple[str, str, float]]) -> None:
    folder = tmp_path_factory.mktemp("results")
    predictions = [
        Prediction(id=str(n), group=g, prediction=p, target=[p], score=s) for n, (g, p, s) in enumerate(said)
    ]
    task = TaskResult(**summary(items=len(said)).model_dump(), predictions=predictions)
    (folder / "t.json").write_text(task.model_dump_json())
    (folder / "results.json").write_text(results({"t": summary()}).model_dump_json())
    assert load_task(folder, "t") == task
    assert Results.load(folder).tasks["t"] == summary()


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"results.json: cannot read the results .*; run `python -m train evaluate`"):
        Results.load(tmp_path)
    data = json.loads(results({"t": summary()}).model_dump_json())
    data["tasks"]["t"]["items"] = 0
    (tmp_path / "results.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"results.json: tasks.t.items: damaged results: .*greater than or equal to 1"):
        Results.load(tmp_path)
    (tmp_path / "t.json").write_text('{"task": "t"')
    with pytest.raises(InputError, match=r"t.json: damaged results: .*JSON.*; remove it and evaluate again"):
        load_task(tmp_path, "t")


def test_a_task_without_items_has_no_score() -> None:
    with pytest.raises(ValidationError, match="items"):
        summary(items=0)
