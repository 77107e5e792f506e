"""Scores are log-probabilities, whatever the batch; a model that learnt an answer gives it."""

import numpy as np
import pytest
import torch

from tests.helpers.synthetic import GEOMETRY, TOKENIZER
from train.config.model_config import ModelConfig
from train.evaluation.likelihood import likelihoods, score
from train.evaluation.prompts import Prompt
from train.models.vlm import VisionLanguageModel

SHAPE = {"width": 16, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 8, "mlp_width": 24}
IMAGE = [TOKENIZER.image_id] * GEOMETRY.tokens


@pytest.fixture
def model() -> VisionLanguageModel:
    torch.manual_seed(0)
    return VisionLanguageModel.of(ModelConfig.model_validate({"decoder": SHAPE}), TOKENIZER, GEOMETRY).eval()


def pixels(index: int) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (index % 2, 3, 16, 16), np.uint8)


PROMPTS = [
    Prompt(question, choice, (IMAGE if question % 2 else []) + list(range(5, 9 + question)) + answer, len(answer))
    for question in range(5)
    for choice, answer in enumerate(([20], [21, 22], [23, 24, 25]))
]


def test_scores_do_not_depend_on_the_batch(model):
    alone = score(model, PROMPTS, pixels, pad_id=1, device=torch.device("cpu"), batch_size=1)
    assert len(alone) == len(PROMPTS)
    for size in (2, 7, 64):
        together = score(model, PROMPTS, pixels, pad_id=1, device=torch.device("cpu"), batch_size=size)
        assert together == {key: pytest.approx(value, abs=1e-4) for key, value in alone.items()}


def test_score_is_the_sum_of_log_probabilities(model):
    prompt = PROMPTS[5]
    ids = torch.tensor(prompt.ids)[None]
    with torch.no_grad():
        log_probabilities = model.logits(ids, torch.from_numpy(pixels(1))).log_softmax(-1)[0]
    expected = sum(log_probabilities[i - 1, prompt.ids[i]].item() for i in range(len(ids[0]) - 3, len(ids[0])))
    found = score(model, [prompt], pixels, pad_id=1, device=torch.device("cpu"), batch_size=4)
    assert prompt.choice_length == 3
    assert found[1, 2] == pytest.approx(expected, abs=1e-5)


def test_greedy_is_what_generation_would_say(model):
    nothing = np.empty((0, 3, 16, 16), np.uint8)
    stem = list(range(5, 12))
    said = list(stem)
    for _ in range(3):
        with torch.no_grad():
            said.append(int(model.logits(torch.tensor([said]), torch.from_numpy(nothing))[0, -1].argmax()))
    other = [*said[:-1], (said[-1] + 1) % 60]
    prompts = [Prompt(0, 0, said, 3), Prompt(0, 1, other, 3)]
    found = likelihoods(model, prompts, lambda _: nothing, device=torch.device("cpu"), pad_id=1, batch_size=2)
    assert (found[0, 0].greedy, found[0, 1].greedy) == (True, False)
