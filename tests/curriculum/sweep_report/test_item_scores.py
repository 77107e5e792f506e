"""Tests of item scores over runs: matched by item, and refused where runs were scored on other items or terms."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from curriculum.sweep_report.item_scores import check_alike, row_losses, task_scores

FOLDER = Path("sweep")


def run(name: str, scores: dict[str, float], *, tokens: dict[str, int] | None = None, **terms: Any) -> Any:
    """A run that has been scored on one task, `t`; of its items, those of group `g` are the ones with a `g` in them."""
    summary = {"asked": {"limit": None}, "answers_by": "generation", "files": {"q.json": "0"}, "chance": 0.25}
    counts = tokens or dict.fromkeys(scores, 7)
    return SimpleNamespace(
        name=name,
        summaries=lambda blind: {"t": SimpleNamespace(**{**summary, **terms})},
        item_scores=lambda task, blind, group: {key: one for key, one in scores.items() if group is None or "g" in key},
        item_losses=lambda task: {key: (one, counts[key]) for key, one in scores.items()},
    )


def test_scores_are_matched_by_item_in_the_first_runs_order() -> None:
    runs = [run("a", {"1g": 0.0, "2": 1.0, "3g": 0.5}), run("b", {"3g": 0.2, "1g": 0.1, "2": 0.9})]
    found = task_scores(runs, "t", FOLDER)
    assert (found.task, found.chance) == ("t", 0.25)
    assert np.array_equal(found.items, [[0.0, 1.0, 0.5], [0.1, 0.9, 0.2]])
    assert np.array_equal(task_scores(runs, "t", FOLDER, group="g").items, [[0.0, 0.5], [0.1, 0.2]])


@pytest.mark.parametrize("other", [{"1": 0.0}, {"1": 0.0, "2": 1.0, "3": 1.0}, {"1": 0.0, "two": 1.0}])
def test_other_items_are_refused(other: dict[str, float]) -> None:
    with pytest.raises(InputError, match="sweep: 'b' and 'a' were scored on different items of 't'; evaluate all runs"):
        task_scores([run("a", {"1": 0.0, "2": 1.0}), run("b", other)], "t", FOLDER)


def test_losses_have_the_tokens_of_their_rows() -> None:
    tokens = {"r1": 5, "r2": 9}
    runs = [run("a", {"r1": 3.0, "r2": 2.0}, tokens=tokens), run("b", {"r2": 2.5, "r1": 3.5}, tokens=tokens)]
    losses, counts = row_losses(runs, "t", FOLDER)
    assert np.array_equal(losses, [[3.0, 2.0], [3.5, 2.5]])
    assert np.array_equal(counts, [5, 9])
    other = run("c", {"r1": 3.0, "r2": 2.0}, tokens={"r1": 5, "r2": 8})
    with pytest.raises(InputError, match="'c' and 'a' were scored on different items of 't'"):
        row_losses([*runs, other], "t", FOLDER)


@pytest.mark.parametrize(
    ("terms", "what"),
    [
        ({}, None),
        ({"asked": {}}, None),
        ({"asked": {"limit": 3}}, "with other options"),
        ({"answers_by": "likelihood"}, "with other options"),
        ({"files": {"q.json": "1"}}, "on other files"),
        ({"files": {"q.json": "1"}, "answers_by": "likelihood"}, "with other options"),
    ],
)
def test_runs_are_scored_in_one_way(terms: dict[str, Any], what: str | None) -> None:
    runs = [run("a", {"1": 0.0}), run("b", {"1": 0.0}, **terms)]
    if what is None:
        check_alike(runs, "t", FOLDER)
        return
    with pytest.raises(
        InputError, match=f"'t': 'b' and 'a' were scored {what}; evaluate all runs with the same options"
    ):
        check_alike(runs, "t", FOLDER)
