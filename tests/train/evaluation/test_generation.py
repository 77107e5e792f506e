"""Answers, and the logits behind them, do not depend on the company that a prompt keeps."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.conversation_format import VERSION_1, ConversationFormat
from tests.helpers.checkpoints import PATCH, checkpoint
from train.evaluation.generation import LEAST, Stem, answer, batches, continued
from train.evaluation.scored_model import Subject, open_subject


@given(st.lists(st.integers(1, 5), max_size=30), st.integers(1, 7))
def test_batches_have_every_stem_once_and_one_length_each(lengths, size):
    stems = [Stem(number, [0] * length) for number, length in enumerate(lengths)]
    found = list(batches(stems, size))
    assert sorted(stem.item for batch in found for stem in batch) == list(range(len(stems)))
    for batch in found:
        assert len({len(stem.ids) for stem in batch}) == 1
        assert 1 <= len(batch) <= size


@pytest.fixture(scope="module")
def subject(tmp_path_factory) -> Subject:
    folder: Path = tmp_path_factory.mktemp("generation")
    return open_subject(checkpoint(folder, encoder=PATCH))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 16), min_size=1, max_size=6), st.integers(0, 99))
def test_every_logit_is_the_same_whatever_the_batches(subject, sizes, seed):
    """To the bit, on a CPU: the prompts' first 16 rows cut into batches of the drawn sizes, against one batch."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(2, 258, (16, 12)).tolist()
    pixels = rng.integers(0, 256, (16, 1, 3, 16, 16), np.uint8)
    stems = [Stem(number, [258] * 4 + row) for number, row in enumerate(ids)]
    bounds = np.minimum(np.cumsum([0, *sizes]), 16).tolist()
    parts = [part for a, b in zip(bounds, [*bounds[1:], 16], strict=True) if (part := stems[a:b])]
    exact = rows_are_rounded_alone()
    whole = logits(subject, stems, pixels)
    for part in parts:
        rows = [stem.item for stem in part]
        for step, found in enumerate(logits(subject, part, pixels)):
            assert torch.equal(found, whole[step][rows]) or not exact
            torch.testing.assert_close(found, whole[step][rows], atol=1e-4, rtol=0)


def rows_are_rounded_alone() -> bool:
    """Whether this machine's BLAS gives a row the same bits among 4 as among 16, as those that were tried do."""
    x, w = torch.randn(16, 128), torch.randn(192, 128)
    whole = torch.nn.functional.linear(x, w)
    return all(torch.equal(torch.nn.functional.linear(x[:n], w), whole[:n]) for n in range(LEAST, 17))


def logits(subject: Subject, part: list[Stem], pixels: np.ndarray) -> list[torch.Tensor]:
    """[prompts, vocabulary] of each step until all answers have ended, as `answer` sees them."""
    seen: list[torch.Tensor] = []
    handle = subject.model.register_forward_hook(lambda module, inputs, out: seen.append(out.logits[:, -1]))
    try:
        answer(subject, part, lambda item: pixels[item], 4)
    finally:
        handle.remove()
    return [one[: len(part)] for one in seen]


class Scripted:
    """A model that says `text`, a byte a step, then end-of-text (0)."""

    def __init__(self, text: str, conversation: ConversationFormat = VERSION_1) -> None:
        self.identity, self.tokenizer, self.ids = SimpleNamespace(end_of_text_id=0), self, [*text.encode(), 0]
        self.conversation = conversation

    def inputs(self, ids, images):
        return {"input_ids": ids}

    def decode(self, ids, skip_special_tokens):
        return bytes(ids).decode()

    def model(self, input_ids, past_key_values, **kwargs):
        step = past_key_values or 0
        logits = torch.zeros(len(input_ids), 1, 128)
        logits[:, :, self.ids[step]] = 1
        return SimpleNamespace(logits=logits, past_key_values=step + 1)


def test_an_answer_of_version_1_is_one_line_and_other_texts_go_on_to_their_stop():
    """A worked solution has several lines, and its result stands in the last."""
    subject, said = Scripted(" \n2 + 3 = 5\nso: 5\n\nQ: next"), []
    for stops in (("\n\nQ:", "never"), (), ("5\n", "3")):
        said.append(continued(subject, [Stem(0, [1])], lambda _: np.empty((0, 3, 1, 1), np.uint8), 64, stops)[0])
    assert said == [" \n2 + 3 = 5\nso: 5", " \n2 + 3 = 5\nso: 5\n\nQ: next", " \n2 + "]
    assert answer(subject, [Stem(0, [1])], lambda _: np.empty((0, 3, 1, 1), np.uint8), 64) == ["2 + 3 = 5"]


def test_an_answer_of_version_2_has_all_its_lines_and_ends_with_its_turn():
    turns = ConversationFormat(version=2, end_of_turn="~", end_of_turn_id=ord("~"))
    subject = Scripted(" 2 + 3\nso: 5\n~ and on", turns)
    assert answer(subject, [Stem(0, [1])], lambda _: np.empty((0, 3, 1, 1), np.uint8), 64) == ["2 + 3\nso: 5"]
