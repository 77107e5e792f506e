"""POPE's counts: a published row is reproduced from its own confusion matrix."""

import json
from pathlib import Path

import pytest

from train.evaluation.metrics.yes_no import metrics, parse


def test_a_published_row():
    """LLaVA on POPE's random split (Li et al., 2023): 50.37, 50.19, 99.13, 66.64 and 98.77 %.

    3,000 questions, half yes: a recall of 99.13 % is 1,487 of 1,500, a yes-ratio of 98.77 % is 2,963 answers.
    """
    labels = ["yes"] * 1500 + ["no"] * 1500
    said = ["yes"] * 1487 + ["no"] * 13 + ["yes"] * (2963 - 1487) + ["no"] * (1500 - 2963 + 1487)
    found = {name: round(100 * value, 2) for name, value in metrics(said, labels).items()}
    assert found == {"accuracy": 50.37, "precision": 50.19, "recall": 99.13, "f1": 66.64, "yes_ratio": 98.77}


def test_no_yes_at_all():
    assert metrics(["no", "no"], ["yes", "no"])["f1"] == 0.0


def test_answers_are_read_as_the_official_script_reads_them():
    told = json.loads((Path(__file__).parent / "official_values/pope.json").read_text())
    said = [parse(answer) for answer, _, _ in told["cases"]]
    assert said == [theirs for _, _, theirs in told["cases"]]
    found = metrics(said, [label for _, label, _ in told["cases"]])
    names = {"Accuracy": "accuracy", "Precision": "precision", "Recall": "recall", "F1 score": "f1"}
    assert {name: found[ours] for name, ours in (names | {"Yes ratio": "yes_ratio"}).items()} == pytest.approx(
        told["totals"]
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Yes, there is a dog.", "yes"),
        ("No, there is none.", "no"),
        ("There is no dog", "no"),
        ("It is not there. Yes", "no"),
        ("yes. no", "yes"),
        ("Nobody knows", "yes"),
    ],
)
def test_parse(answer, said):
    assert parse(answer) == said
