"""Tests of an export's tokenizer and processor: ids as in training, placeholders by the number of image tokens."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer

from common.errors import InputError
from schemas.conversation_format import IMAGE_TOKEN, VERSION_1
from schemas.manifest import ImageGeometry, TokenizerIdentity
from tests.helpers.checkpoints import TURNS, byte_tokenizer
from train.export.processor import hf_tokenizer, processor

GEOMETRY = ImageGeometry(size=16, patch=8, tokens=4)


@pytest.fixture
def identity(tmp_path: Path) -> TokenizerIdentity:
    return byte_tokenizer(tmp_path)


def test_text_has_the_datas_ids_and_special_tokens_their_own(tmp_path: Path, identity: TokenizerIdentity) -> None:
    file = tmp_path / "tokenizer.json"
    text = hf_tokenizer(file, identity, VERSION_1, 77, images=False)
    assert text("a <b> é\n").input_ids == Tokenizer.from_file(str(file)).encode("a <b> é\n").ids
    assert (text.eos_token_id, text.pad_token_id, text.model_max_length, text.padding_side) == (0, 1, 77, "left")
    assert len(text(IMAGE_TOKEN).input_ids) == len(IMAGE_TOKEN), "without images it is text like any other"
    seeing = hf_tokenizer(file, identity, VERSION_1, 77, images=True)
    assert seeing(f"{IMAGE_TOKEN}a").input_ids[0] == identity.image_id == len(seeing) - 1


@pytest.mark.parametrize("images", [False, True])
def test_the_end_of_a_turn_stands_behind_the_placeholder(
    tmp_path: Path, identity: TokenizerIdentity, images: bool
) -> None:
    made = hf_tokenizer(tmp_path / "tokenizer.json", identity, TURNS, 77, images=images)
    assert made.convert_tokens_to_ids([IMAGE_TOKEN, "<end_of_turn>"]) == [258, 259]
    chat = made.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False, add_generation_prompt=True)
    assert "hi" in chat
    assert made("hi<end_of_turn>").input_ids[-1] == 259


def test_a_tokenizer_whose_next_id_is_another_is_refused(tmp_path: Path, identity: TokenizerIdentity) -> None:
    file = tmp_path / "tokenizer.json"
    moved = identity.model_copy(update={"image_id": 300})
    with pytest.raises(InputError, match="'<image>' would get id 258, the model was trained with 300; use a tokenizer"):
        hf_tokenizer(file, moved, VERSION_1, 77, images=True)
    said = json.loads(file.read_text())
    said["added_tokens"].append({**said["added_tokens"][0], "id": 2, "content": IMAGE_TOKEN})
    said["model"]["vocab"][IMAGE_TOKEN] = said["model"]["vocab"].pop("!")
    file.write_text(json.dumps(said))
    with pytest.raises(InputError, match="'<image>' would get id"):
        hf_tokenizer(file, identity, VERSION_1, 77, images=True)


def test_an_image_is_as_many_placeholders_as_the_encoder_yields_tokens(
    tmp_path: Path, identity: TokenizerIdentity
) -> None:
    read = processor(hf_tokenizer(tmp_path / "tokenizer.json", identity, VERSION_1, 77, images=True), GEOMETRY)
    image = Image.fromarray(np.zeros((20, 24, 3), np.uint8))
    found = read(text=f"{IMAGE_TOKEN}a{IMAGE_TOKEN}", images=[image, image], return_tensors="np")
    ids = found["input_ids"][0].tolist()
    assert ids.count(identity.image_id) == 2 * GEOMETRY.tokens
    assert ids[GEOMETRY.tokens] != identity.image_id
    assert found["pixel_values"].shape == (2, 3, 16, 16)
