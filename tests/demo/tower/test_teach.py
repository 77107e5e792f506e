"""The tower learns from pairs what is where, is the same each time, and is what the trainer's encoder reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from common.errors import InputError
from demo.tower.pairs import read
from demo.tower.teach import rate_share, teach
from demo.world.render import render
from demo.world.scene import COLOURS, SHAPES, Scene
from schemas.manifest import ImageGeometry
from tests.helpers.tower_pairs import scenes, settings, write_tars
from train.config.encoder_config import EncoderConfig
from train.models.towers import SiglipEncoder

WEIGHTS = "model.safetensors"


def test_the_same_weights_each_time_and_a_finished_tower_is_left_alone(folder: Path) -> None:
    first = teach(settings(folder))
    assert first is not None
    assert first["pairs"] == 23
    again = teach(settings(folder, out=folder / "other"))
    assert again is not None
    weights, others = load_file(folder / "tower" / WEIGHTS), load_file(folder / "other" / WEIGHTS)
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    stood = (folder / "tower" / WEIGHTS).stat().st_mtime_ns
    assert teach(settings(folder)) is None
    assert (folder / "tower" / WEIGHTS).stat().st_mtime_ns == stood
    assert teach(settings(folder, seed=8)) is not None
    assert not torch.equal(load_file(folder / "tower" / WEIGHTS)["vision_model.embeddings.position_embedding.weight"],
                           weights["vision_model.embeddings.position_embedding.weight"])  # fmt: skip


def test_the_trainers_encoder_reads_it(folder: Path) -> None:
    teach(settings(folder))
    encoder = SiglipEncoder(EncoderConfig(kind="siglip", path=str(folder / "tower"), frozen=True),
                            ImageGeometry(size=32, patch=8, tokens=16))  # fmt: skip
    assert encoder(read(settings(folder)).pixels[:3]).shape == (3, 16, 32)


def test_too_few_pairs_are_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="23 pairs in 2 tars, a step takes 64"):
        teach(settings(folder, pairs_a_step=64))
    with pytest.raises(InputError, match="0 pairs in 0 tars"):
        teach(settings(folder, inputs="none/*.tar"))


def test_the_rate_rises_over_a_tenth_and_falls_to_nothing() -> None:
    shares = [rate_share(step, 100) for step in range(100)]
    assert shares[0] == pytest.approx(0.1)
    assert max(shares) == shares[9]
    assert shares[-1] < 0.001


@pytest.mark.soak
def test_teaching_brings_shapes_to_the_fore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A linear probe tells everything; but before, shapes are a small part of what differs between patches."""
    write_tars(tmp_path / "pairs", scenes("pair", 1500))
    monkeypatch.chdir(tmp_path)
    taught = settings(tmp_path, patch=16, width=128, layers=2, steps=300, pairs_a_step=64, threads=2)
    teach(taught)
    untaught = settings(tmp_path, patch=16, width=128, layers=2, steps=1, out=tmp_path / "untaught")
    teach(untaught)
    right = probe(taught.out)
    assert right["place"] > 0.98
    assert right["colour"] > 0.97
    assert right["shape"] > 0.95
    assert shape_share(taught.out) > 1.5 * shape_share(untaught.out)


def encoder_of(tower: Path) -> SiglipEncoder:
    return SiglipEncoder(EncoderConfig(kind="siglip", path=str(tower)), ImageGeometry(size=32, patch=16, tokens=4))


def shape_share(tower: Path) -> float:
    """Part of the variance of features, over patches that show something, that lies between shapes."""
    found = scenes("asked", 300)
    shapes = labels_of(found)["shape"]
    features, shapes = features_of(encoder_of(tower), found)[shapes >= 0], shapes[shapes >= 0]
    middle = features.mean(0)
    between = sum(
        (features[shapes == one].mean(0) - middle).square().sum() * (shapes == one).float().mean()
        for one in range(len(SHAPES))
    )
    return float(between / features.var(0, unbiased=False).sum())


def probe(tower: Path) -> dict[str, float]:
    """Share of patches of unseen pictures that a linear map, fitted on others, assigns right."""
    encoder = encoder_of(tower)
    fitted, asked = scenes("fit", 500), scenes("asked", 200)
    features, labels = features_of(encoder, fitted), labels_of(fitted)
    unseen, expected = features_of(encoder, asked), labels_of(asked)
    found = {}
    for name, choices in (("place", 4), ("colour", len(COLOURS)), ("shape", len(SHAPES))):
        kept, held = labels[name] >= 0, expected[name] >= 0
        x = torch.cat((features[kept], torch.ones(int(kept.sum()), 1)), 1)
        y = torch.nn.functional.one_hot(labels[name][kept], choices).float()
        weights = torch.linalg.solve(x.T @ x + torch.eye(x.shape[1]), x.T @ y)
        guesses = torch.cat((unseen[held], torch.ones(int(held.sum()), 1)), 1) @ weights
        found[name] = (guesses.argmax(1) == expected[name][held]).float().mean().item()
    return found


def features_of(encoder: SiglipEncoder, found: list[Scene]) -> torch.Tensor:
    pictures = [np.asarray(render(scene).resize((32, 32), 3)).transpose(2, 0, 1) for scene in found]
    with torch.inference_mode():
        return encoder(torch.from_numpy(np.stack(pictures))).flatten(0, 1)


def labels_of(found: list[Scene]) -> dict[str, torch.Tensor]:
    """By patch: its quarter, and colour and shape of what lies there (-1: nothing)."""
    labels: dict[str, list[int]] = {"place": [], "colour": [], "shape": []}
    for scene in found:
        there = {(thing.row, thing.column): thing for thing in scene.things}
        for patch in range(4):
            place = ("top" if patch < 2 else "bottom", "left" if patch % 2 == 0 else "right")
            thing = there.get(place)
            labels["place"].append(2 * (place[0] == "bottom") + (place[1] == "right"))
            labels["colour"].append(COLOURS.index(thing.colour) if thing else -1)
            labels["shape"].append(SHAPES.index(thing.shape) if thing else -1)
    return {name: torch.tensor(values) for name, values in labels.items()}
