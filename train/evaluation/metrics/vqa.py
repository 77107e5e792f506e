"""Scores open answers by the soft accuracy of VQAv2, VizWiz and TextVQA.

Ten people answered. An answer is right to the degree min(1, n / 3) that n people gave it, averaged over the ten subsets
that leave one person out. The benchmarks differ in what they compare: see each function. What each official scorer says
to thousands of cases is in the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from train.evaluation.metrics.answer_text import TYPOGRAPHIC, normalise, plain, without_punctuation

SoftAccuracy = Callable[[str, Sequence[str]], float]
"""(prediction, people's answers) -> 0 to 1."""


def vqav2(prediction: str, answers: Sequence[str]) -> float:
    """Follows VQA v2's `vqaEval.py`: all are normalised, unless people agree to the letter; then nobody's answer is."""
    given = [plain(answer) for answer in answers]
    if len(set(given)) == 1:
        return _leave_one_out(plain(prediction), given)
    return normalised(prediction, answers)


def vqav2_of_vlm_evaluation(prediction: str, answers: Sequence[str]) -> float:
    """Follows TRI-ML/vlm-evaluation: the prediction is normalised, people's answers lose punctuation alone."""
    return _leave_one_out(normalise(prediction), [without_punctuation(answer) for answer in answers])


def vizwiz(prediction: str, answers: Sequence[str]) -> float:
    """Follows VizWiz's API: the prediction is normalised, people's answers are taken as they are."""
    return _leave_one_out(normalise(prediction, TYPOGRAPHIC), answers)


def textvqa(prediction: str, answers: Sequence[str]) -> float:
    """Follows MMF's `m4c_evaluators.py`: all lose `,` and `?` and have `'s` split off, then are normalised."""
    return _leave_one_out(*_each(lambda text: normalise(_split_words(text)), prediction, answers))


def normalised(prediction: str, answers: Sequence[str]) -> float:
    """Normalises prediction and people's answers alike, always: no benchmark's rule, but the fairest comparison."""
    return _leave_one_out(*_each(normalise, prediction, answers))


def _each(prepare: Callable[[str], str], prediction: str, answers: Sequence[str]) -> tuple[str, list[str]]:
    return prepare(prediction), [prepare(answer) for answer in answers]


def _split_words(text: str) -> str:
    return text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()


def _leave_one_out(prediction: str, answers: Sequence[str]) -> float:
    same = [answer == prediction for answer in answers]
    count = sum(same)
    return sum(min(1.0, (count - one) / 3) for one in same) / len(same)
