"""Counts how many questions a checkpoint answers, beside what guessing would: `python -m train evaluate`."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from common import atomic_files
from schemas.manifest import STRETCH
from schemas.run_log import Answer, Scores, Tally
from train.checkpoint import digests, folder, load, state
from train.evaluation.likelihood import score
from train.evaluation.prompts import PromptEncoder
from train.evaluation.questions import Question, load_questions
from train.evaluation.read_image import read_image
from train.models.vlm import VisionLanguageModel
from train.tokenizer_check import tokenizer_of


def evaluate(
    path: Path, questions_file: Path, *, tokenizer: Path | None = None, blind: bool = False, batch_size: int = 64
) -> Scores:
    """Answer every question with the checkpoint at `path` (or the latest of that run).

    Raises:
        InputError: checkpoint, tokenizer, questions or an image cannot be used.
    """
    found = folder.find(path)
    digests.check(found)
    saved = state.read(found)
    file = tokenizer_of(tokenizer, saved.run.tokenizer, saved.tokenizer)
    model = VisionLanguageModel.of(saved.run.model, saved.tokenizer, saved.geometry, saved.towers)
    load.load_weights(found, model)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).eval()
    questions = load_questions(questions_file)
    see = saved.geometry is not None and not blind
    encoder = PromptEncoder.checked(file, saved.tokenizer, saved.geometry if see else None)
    prompts = [prompt for index, question in enumerate(questions) for prompt in encoder.prompts(index, question)]
    size = saved.geometry.size if saved.geometry else 1

    def pixels(index: int) -> NDArray[np.uint8]:
        image = questions[index].image
        if image is None or not see:
            return np.empty((0, 3, size, size), np.uint8)
        return read_image(questions_file.parent / image, size, saved.geometry.fit if saved.geometry else STRETCH)[None]

    scores = score(model, prompts, pixels, device=device, pad_id=saved.tokenizer.pad_id, batch_size=batch_size)
    answers, groups = choose(questions, scores)
    return Scores(
        checkpoint=str(found),
        position=saved.position,
        questions_file=str(questions_file),
        blind=not see,
        by_kind={kind: tally(groups[kind]) for kind in sorted(groups)},
        answers=answers,
        **tally([one for group in groups.values() for one in group]).model_dump(),
    )


Outcomes = list[tuple[bool, float]]
"""(whether right, chance) of each question of a group."""


def choose(
    questions: Sequence[Question], scores: dict[tuple[int, int], float]
) -> tuple[list[Answer], dict[str, Outcomes]]:
    """The likeliest choice of every question, and the outcomes by kind; `scores` is by (question, choice)."""
    answers = []
    groups: dict[str, Outcomes] = defaultdict(list)
    for index, question in enumerate(questions):
        by_choice = [scores[index, number] for number in range(len(question.choices))]
        chosen = question.choices[int(np.argmax(by_choice))]
        right = chosen == question.answer
        groups[question.kind].append((right, question.chance))
        answers.append(
            Answer(
                question_id=question.question_id,
                kind=question.kind,
                chosen=chosen,
                answer=question.answer,
                correct=right,
                log_probabilities=[round(value, 6) for value in by_choice],
            )
        )
    return answers, groups


def tally(group: Outcomes) -> Tally:
    """Accuracy of a group, beside what guessing evenly would give."""
    count = len(group)
    accuracy = sum(right for right, _ in group) / count
    return Tally(
        questions=count,
        accuracy=accuracy,
        chance=sum(chance for _, chance in group) / count,
        standard_error=math.sqrt(accuracy * (1 - accuracy) / count),
    )


def write(scores: Scores, path: Path) -> None:
    """Write scores as JSON, whole or not at all."""
    atomic_files.write_text(path, scores.model_dump_json(indent=1) + "\n")
