"""Yes or no: what an answer says, and the counts that POPE reports (Li et al., EMNLP 2023)."""

from __future__ import annotations

from collections.abc import Sequence

_NEGATIONS = {"no", "No", "not"}


def parse(answer: str) -> str:
    """`no` if the first sentence has a negation, else `yes`, as POPE's own script decides."""
    first = answer.partition(".")[0].replace(",", "")
    return "no" if _NEGATIONS & set(first.split(" ")) else "yes"  # a tab or a line break parts no words there


def metrics(said: Sequence[str], labels: Sequence[str]) -> dict[str, float]:
    """Accuracy, precision, recall, F1 and share of yes; `yes` is the positive class."""
    pairs = list(zip(said, labels, strict=True))
    true_yes = sum(one == label == "yes" for one, label in pairs)
    all_said, all_yes = sum(one == "yes" for one in said), sum(label == "yes" for label in labels)
    precision = true_yes / all_said if all_said else 0.0
    recall = true_yes / all_yes if all_yes else 0.0
    return {
        "accuracy": sum(one == label for one, label in pairs) / len(pairs),
        "precision": precision,
        "recall": recall,
        "f1": 2 * precision * recall / (precision + recall) if precision + recall else 0.0,
        "yes_ratio": all_said / len(pairs),
    }
