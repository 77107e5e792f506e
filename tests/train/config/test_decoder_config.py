"""Decoder shapes have exactly the parameters that are published of OpenLM's."""

import pytest

from common.errors import InputError
from train.config.decoder_config import SIZES, decoder_of

OPENLM_VOCABULARY = 50_432


@pytest.mark.parametrize(("size", "published"), [("411M", 411_616_256), ("1.4B", 1_439_795_200), ("7B", 6_889_410_560)])
def test_parameters_are_dclm_s(size: str, published: int) -> None:
    shape = decoder_of(size)
    per_head_norms = shape.layers * 2 * shape.head_width  # DCLM counts its configurations without
    assert shape.parameters(OPENLM_VOCABULARY) - per_head_norms == published


@pytest.mark.parametrize(("size", "width", "layers", "heads"), [("79M", 512, 8, 4), ("154M", 576, 24, 8)])
def test_shapes_of_open_lm(size: str, width: int, layers: int, heads: int) -> None:
    shape = SIZES[size]
    assert (shape.width, shape.layers, shape.heads, shape.kv_heads) == (width, layers, heads, heads)
    assert round(shape.parameters(OPENLM_VOCABULARY) / 1e6) == int(size[:-1])


def test_an_unknown_size() -> None:
    with pytest.raises(InputError, match=r"choose one of demo, 79M, 154M, 411M, 1\.4B, 7B"):
        decoder_of("2B")
