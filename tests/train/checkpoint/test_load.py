"""Tests of loading weights and moments: each by its name, and nothing where a name or a shape does not fit."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from common.errors import InputError
from train.checkpoint import load


def model() -> nn.ModuleDict:
    return nn.ModuleDict({"decoder": nn.Linear(2, 3), "encoder": nn.Linear(2, 2)})


def saved(path: Path, module: nn.Module) -> dict[str, torch.Tensor]:
    tensors = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    save_file(tensors, path / "model.safetensors")
    return tensors


def test_every_parameter_or_the_decoders_alone(tmp_path: Path) -> None:
    wanted, whole, half = saved(tmp_path, model()), model(), model()
    before = {name: parameter.detach().clone() for name, parameter in half.named_parameters()}
    load.load_weights(tmp_path, whole)
    assert all(torch.equal(parameter, wanted[name]) for name, parameter in whole.named_parameters())
    load.load_weights(tmp_path, half, decoder_only=True)
    for name, parameter in half.named_parameters():
        assert torch.equal(parameter, (wanted if name.startswith("decoder.") else before)[name]), name
        assert parameter.requires_grad


def test_another_models_weights_are_refused_and_change_nothing(tmp_path: Path) -> None:
    saved(tmp_path, nn.ModuleDict({"decoder": nn.Linear(2, 4), "projector": nn.Linear(1, 1)}))
    ours = model()
    before = {name: parameter.detach().clone() for name, parameter in ours.named_parameters()}
    with pytest.raises(InputError, match=r"6 tensors do not fit the model, 'decoder.bias' for one"):
        load.load_weights(tmp_path, ours)
    with pytest.raises(InputError, match="2 tensors do not fit the model"):
        load.load_weights(tmp_path, ours, decoder_only=True)
    assert all(torch.equal(parameter, before[name]) for name, parameter in ours.named_parameters())


def test_moments_are_those_of_the_parameters_that_were_stepped(tmp_path: Path) -> None:
    first = model()
    optimizer = torch.optim.AdamW(first.parameters())
    first["decoder"](torch.ones(2)).sum().backward()
    optimizer.step()
    names = dict(first.named_parameters())
    kept = {f"{name}/{part}": value for name, p in names.items() for part, value in optimizer.state[p].items()}
    save_file(kept, tmp_path / "optimizer.safetensors")
    again = model()
    other = torch.optim.AdamW(again.parameters())
    again["encoder"](torch.ones(2)).sum().backward()
    other.step()
    load.load_optimizer(tmp_path, again, other)
    found = {name: other.state[p] for name, p in again.named_parameters() if p in other.state}
    assert found.keys() == {"decoder.weight", "decoder.bias"}, "what it had of the encoder is gone"
    assert {f"{name}/{part}" for name, parts in found.items() for part in parts} == kept.keys()
    assert all(torch.equal(found[key.rpartition("/")[0]][key.rpartition("/")[2]], kept[key]) for key in kept)


@pytest.mark.parametrize(
    ("key", "shape"), [("decoder.weight/exp_avg", (3, 3)), ("projector.weight/exp_avg", (3, 2)), ("step", ())]
)
def test_moments_that_do_not_fit_are_named(tmp_path: Path, key: str, shape: tuple[int, ...]) -> None:
    save_file({key: torch.zeros(shape)}, tmp_path / "optimizer.safetensors")
    ours = model()
    with pytest.raises(InputError, match=rf"optimizer.safetensors: '{key}' does not fit the model; use another"):
        load.load_optimizer(tmp_path, ours, torch.optim.AdamW(ours.parameters()))


@pytest.mark.parametrize("content", [None, b"", b"\x08\0\0\0\0\0\0\0nothing!"])
def test_damaged_tensors_are_one_line(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "model.safetensors"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"model.safetensors: damaged or missing tensors .*; use another checkpoint"):
        load.read_tensors(file)
