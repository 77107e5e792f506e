"""The paper's stable score: its printed check value, and one line for whatever is missing."""

import pytest

from common.errors import InputError
from schemas.results import Model, Results, TaskSummary
from schemas.score_preset import PAPER, preset_named

WITH = {"vqav2": 0.7639, "gqa": 0.6108, "textvqa": 0.468, "refcoco": 0.642, "ocid_ref": 0.461, "pope": 0.875}
WITHOUT = {"vqav2": 0.7469, "gqa": 0.606, "textvqa": 0.416, "refcoco": 0.589, "ocid_ref": 0.397, "pope": 0.871}
"""The 7B pair, with images in pre-training and without (the paper's table)."""


def told(task: str, score: float, **more) -> TaskSummary:
    said = {
        "metric": "m", "chance": 0.0, "items": 9, "standard_error": 0.1, "answers_by": "generation", "identity": "i",
        "files": {}, "asked": {"rule": "official" if task == "textvqa" else "vlm-evaluation"}, **more,
    }  # fmt: skip
    return TaskSummary(task=task, score=score, **said)


def vision(scores: dict[str, float]) -> dict[str, TaskSummary]:
    return {
        **{task: told(task, scores[task]) for task in ("vqav2", "gqa", "textvqa")},
        "refcoco": told("refcoco", 0.1, groups={"val": scores["refcoco"], "testA": 0.0}),
        "ocid_ref": told("ocid_ref", 0.1, metrics={"accuracy_at_0.25": scores["ocid_ref"]}),
        "pope": told("pope", 0.1, metrics={"mean_of_splits": scores["pope"]}, answers_by="likelihood"),
        "vizwiz": told("vizwiz", 0.99),
    }


def test_the_7b_pair_differs_by_what_the_paper_prints(tmp_path):
    first, second = (PAPER.stable(vision(scores), "vision", tmp_path) for scores in (WITH, WITHOUT))
    assert first - second == pytest.approx(0.0325, abs=5e-5)
    assert first == pytest.approx((0.5139 + 0.3608 + 0.468 + 0.642 + 0.461 + 0.375) / 6)
    assert 0.45 < first < 0.48, "the paper's vision scores lie between 0.45 and 0.47"


def test_text_tasks_count_by_acc(tmp_path):
    parts = PAPER.text
    scored = {part.task: told(part.task, 0.99, metrics={part.value.removeprefix("metrics/"): part.chance + 0.12})
              for part in parts}  # fmt: skip
    assert PAPER.stable(scored, "text", tmp_path) == pytest.approx(0.12)
    assert (len(parts), len(PAPER.text_tasks), len(PAPER.vision_tasks)) == (9, 10, 7)
    assert "lm-eval-hellaswag-0shot" in scored


def test_refcoco_asked_for_val_alone(tmp_path):
    tasks = vision(WITH)
    tasks["refcoco"] = told("refcoco", WITH["refcoco"], asked={"rule": "vlm-evaluation", "only": ["val"]})
    assert PAPER.stable(tasks, "vision", tmp_path) == PAPER.stable(vision(WITH), "vision", tmp_path)


def test_what_is_missing_is_one_line(tmp_path):
    model = Model(path="p", digest="d", position=1, schedule="s", architecture="a", tokenizer={
        "digest": "a", "vocabulary_size": 9, "end_of_text_id": 0, "pad_id": 1, "image_id": 9})  # fmt: skip
    tasks = vision(WITH)
    for name, change, problem in (
        ("gqa", None, "no scores of 'gqa', which preset 'paper' averages"),
        ("gqa", told("gqa", 0.5, asked={"rule": "official"}), "wants rule 'vlm-evaluation', not 'official'"),
        ("pope", told("pope", 0.5), "wants answers by likelihood, not by generation"),
        ("refcoco", told("refcoco", 0.5, groups={"testA": 0.5}), "no groups/val, which preset .paper. averages"),
    ):
        changed = {key: value for key, value in {**tasks, name: change}.items() if value}
        results = Results(model=model, settings={}, packages={}, tasks=changed)
        (tmp_path / "results.json").write_text(results.model_dump_json())
        line = rf"results.json: tasks.{name}: .*{problem}; run `python -m train evaluate MODEL --preset paper`"
        with pytest.raises(InputError, match=line):
            PAPER.of(tmp_path, "vision")
        assert PAPER.complete(changed) == {}
    assert set(PAPER.complete(tasks)) == {"vision"}
    with pytest.raises(InputError, match="--preset: no preset 'papers'; choose among paper"):
        preset_named("papers")
