"""Tests of the Hugging Face model in memory: the checkpoint's function, its ends, and its training length."""

from pathlib import Path

import pytest
import torch

from common.errors import InputError
from tests.helpers import synthetic
from tests.helpers.checkpoints import PATCH, TURNS, checkpoint
from train.export.hugging_face_model import DEFAULT_LENGTH, hugging_face, load, sequence_length


def test_logits_are_the_checkpoints_to_the_bit(tmp_path: Path) -> None:
    loaded = load(checkpoint(tmp_path, encoder=PATCH))
    assert loaded.path.name == f"{loaded.saved.position:015d}"
    state = torch.random.get_rng_state()
    whole, text = hugging_face(loaded), hugging_face(loaded, decoder_only=True)
    assert torch.equal(torch.random.get_rng_state(), state), "building a model draws no random numbers of the caller's"
    ids = torch.tensor([[70, 71, 72, 73]])
    with torch.no_grad():
        expected = loaded.model.logits(ids, torch.empty(0, 3, 16, 16, dtype=torch.uint8))
        for model in (whole, text):
            assert torch.equal(model(ids).logits, expected)
            assert not model.training
    assert not any("vision" in name for name, _ in text.named_parameters())


@pytest.mark.parametrize(("conversation", "ends"), [(None, [0]), (TURNS, [0, 259])])
def test_an_answer_ends_where_the_conversation_format_says(tmp_path: Path, conversation, ends: list[int]) -> None:
    model = hugging_face(load(checkpoint(tmp_path, conversation=conversation)))
    assert sorted(model.generation_config.eos_token_id) == ends
    assert (model.generation_config.pad_token_id, model.generation_config.do_sample) == (1, False)


def test_the_length_is_the_schedules_where_there_is_one(tmp_path: Path) -> None:
    loaded = load(checkpoint(tmp_path))
    assert sequence_length(loaded) == synthetic.SEQ_LEN
    (loaded.path / "schedule.json").unlink()
    assert sequence_length(loaded) == DEFAULT_LENGTH
    with pytest.raises(InputError, match=r"damaged: schedule\.json is missing"):
        load(loaded.path)
