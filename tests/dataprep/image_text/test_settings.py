"""Tests of what pairs and conversations share: geometry, what decides bytes, and texts that become ids."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from common.errors import InputError
from dataprep.image_text.settings import Geometry, MultimodalJob, encode_all, task_spec
from dataprep.tokens.encoder import encoder
from schemas.manifest import ImageGeometry


def job(tokenizer: Path | str = "t", **changes: Any) -> MultimodalJob:
    base = {"out": "out", "tokenizer": str(tokenizer), "geometry": {"size": 32, "patch": 16}}
    return MultimodalJob.model_validate({**base, **changes})


@pytest.mark.parametrize(
    ("size", "patch", "tokens"), [(384, 14, 729), (224, 16, 196), (224, 14, 256), (32, 16, 4), (16, 16, 1)]
)
def test_tokens_follow_from_the_patches(size: int, patch: int, tokens: int) -> None:
    assert Geometry(size=size, patch=patch).resolved() == ImageGeometry(size=size, patch=patch, tokens=tokens)
    assert Geometry(size=size, patch=patch, tokens=7, fit="pad").resolved() == ImageGeometry(
        size=size, patch=patch, tokens=7, fit="pad"
    )


def test_a_patch_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a patch of 16 pixels is larger than the picture \(10\); take a smaller one"):
        Geometry(size=10, patch=16)


def test_the_default_fit_stays_out_of_plans() -> None:
    assert job().plan_config()["geometry"] == {"size": 32, "patch": 16, "tokens": None}
    padded: Any = job(geometry={"size": 32, "patch": 16, "fit": "pad"}).plan_config()["geometry"]
    assert padded["fit"] == "pad"


def test_where_data_lies_decides_no_byte() -> None:
    one = job().plan_config()
    assert job("elsewhere", out="s3://bucket/x", seed=3, input_digest="sampled").plan_config() == one
    for change in ({"seq_len": 64}, {"buffer": 5}, {"decode": False}, {"compression": "zstd"}, {"licences": ["CC0"]}):
        assert job(**change).plan_config() != one, change


@pytest.mark.parametrize(
    "changes", [{"compression": "zstd:0"}, {"buffer": 0}, {"seq_len": 0}, {"geometry": {"size": 32}}, {"seed": 1 << 63}]
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        job(**changes)


def test_a_tasks_needs_are_fixed_by_tokenizer_and_settings(tokenizer_dir: Path) -> None:
    spec = task_spec(job(tokenizer_dir, seq_len=64, compression="zstd:3"), masked=True)
    assert (spec.image_tokens, spec.windows.seq_len, spec.windows.masked) == (4, 64, True)
    assert spec.windows.layout.compression == "zstd:3"
    assert spec.windows.tokenizer == spec.tokenizer.identity
    with pytest.raises(InputError, match="no special token 'none'"):
        task_spec(job(tokenizer_dir, pad="none"), masked=False)


def test_texts_are_encoded_each_for_itself(tokenizer_dir: Path) -> None:
    spec = task_spec(job(tokenizer_dir), masked=False)
    texts = ["the", "", "and <|endoftext|> the"] * 50
    ids, warnings = encode_all(spec, texts)
    coder = encoder(spec.tokenizer)
    assert [one.tolist() for one in ids] == [coder.encode_reference([text])[0].tolist() for text in texts]
    assert {one.dtype for one in ids} == {np.dtype(np.uint16)}
    assert warnings == []
    assert encode_all(spec, []) == ([], [])
