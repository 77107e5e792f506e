"""GQA's rules beside what its own script says to predictions that were converted in three ways."""

import json
from pathlib import Path

import pytest

from train.evaluation.task import OFFICIAL, Item
from train.evaluation.tasks.gqa import TASK

VALUES = json.loads((Path(__file__).parents[1] / "metrics/official_values/gqa.json").read_text())


@pytest.mark.parametrize(("rule", "column"), [("letter", 2), (OFFICIAL, 3), ("vlm-evaluation", 4)])
def test_every_case_scores_as_the_official_script_says(rule, column):
    task = TASK.under(rule, "image")
    found = [task.score(Item("1", "", case[1]), case[0]) for case in VALUES["cases"]]
    assert found == [case[column] for case in VALUES["cases"]]
    name = VALUES["columns"][column]
    assert 100 * sum(found) / len(found) == pytest.approx(VALUES["accuracy"][name], abs=0.005)
