"""Rows that break the contract are refused, before anything large is decoded."""

import io

import numpy as np
import pytest
from PIL import Image

from tests.helpers.synthetic import GEOMETRY, SEQ_LEN, TOKENIZER, png, sample
from train.loader.rows import decode
from train.loader.rows.batch import IGNORED
from train.loader.rows.decode import DamagedRowError, decode_image, decode_row

RNG = np.random.default_rng(0)


def row(**changes):
    return decode_row(
        {**sample("conversations", 5, np.random.default_rng(3)), **changes}, 2, SEQ_LEN, TOKENIZER, GEOMETRY
    )


def test_loss_mask_selects_targets():
    raw = sample("conversations", 5, np.random.default_rng(3))
    found = row()
    bears = raw["loss_mask"][1:].astype(bool)
    assert (found.labels[:-1][bears] == raw["tokens"][1:][bears]).all()
    assert (found.labels[:-1][~bears] == IGNORED).all()


def test_image_is_resized_to_rgb():
    assert decode_image(png(RNG), 16).shape == (3, 16, 16)
    buffer = io.BytesIO()
    Image.new("L", (5, 9), 128).save(buffer, "JPEG")
    assert (decode_image(buffer.getvalue(), 4) == 128).all()


def test_padding_keeps_the_proportions(monkeypatch):
    """24 x 20: two rows of grey above and below; a strip is made smaller before it becomes a square."""
    stretched, padded = decode_image(png(RNG), 24), decode_image(png(RNG), 24, "pad")
    assert (padded[:, :2] == 127).all()
    assert (padded[:, 22:] == 127).all()
    assert not (stretched[:, :2] == 127).all()
    assert (decode_image(square := _encoded(30, 30), 24, "pad") == decode_image(square, 24)).all()
    monkeypatch.setattr(decode, "MAX_PIXELS", 10_000)
    monkeypatch.setattr(decode, "MAX_SIDE", 100)
    strip = decode_image(_encoded(900, 9), 50, "pad")
    assert (strip[:, 0] == 127).all()
    assert (strip[:, 24:26] != 127).any()


def _encoded(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(RNG.integers(0, 255, (height, width, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_rows_follow_the_geometry():
    raw = sample("conversations", 5, np.random.default_rng(3))
    padded = decode_row(raw, 2, SEQ_LEN, TOKENIZER, GEOMETRY.model_copy(update={"fit": "pad"}))
    assert padded.pixels.shape == row().pixels.shape
    assert (padded.pixels != row().pixels).any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": np.zeros(SEQ_LEN - 1, np.uint16)}, "ids where the manifest says"),
        ({"image_lengths": np.array([], np.uint32)}, "0 images but"),
        ({"images": b"x"}, "image lengths sum to"),
        ({"tokens": np.zeros(SEQ_LEN, np.uint16)}, "but 0 image placeholders"),
    ],
)
def test_broken_rows_are_refused(changes, message):
    with pytest.raises(DamagedRowError, match=message):
        row(**changes)


def test_images_that_are_none_are_refused(monkeypatch):
    with pytest.raises(DamagedRowError, match="cannot be decoded"):
        decode_image(b"not an image at all", 16)
    with pytest.raises(DamagedRowError, match="cannot be decoded"):
        decode_image(png(RNG)[:60], 16)
    monkeypatch.setattr(decode, "MAX_PIXELS", 100)
    with pytest.raises(DamagedRowError, match="24 x 20 pixels"):
        decode_image(png(RNG), 16)
