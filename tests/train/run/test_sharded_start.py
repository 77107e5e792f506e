"""A sharded model starts from the weights of an unsharded one, which exist once."""

import pytest
import torch
from composer.devices import DeviceCPU
from torch.distributed.tensor import DTensor

from tests.helpers import ranks, synthetic
from train.config.parallel_config import ParallelConfig
from train.config.run_config import RunConfig
from train.models.build import build_model
from train.models.sharding import mesh_of, shard
from train.run.sharded_start import build_sharded


@pytest.mark.parametrize("kind", ["patch", "siglip_dino"])
def test_weights_and_buffers_are_those_of_an_unsharded_start(tmp_path, group, kind):
    schedule, parallel = synthetic.schedule(tmp_path), ParallelConfig(strategy="fsdp")
    model = {**ranks.MODEL, "encoder": {"kind": kind, "width": 8, "layers": 1, "heads": 2}}
    run = RunConfig.model_validate(ranks.settings("", tmp_path / "out", model=model))
    devices = []

    def build(shapes):
        built = build_model(run, schedule, shapes)
        devices.append((next(built.parameters()).device.type, bool(shapes)))
        return built

    def place(built):
        shard(built, built.blocks(), parallel, mesh_of(parallel, 1, "cpu"), "fp32")

    sharded, plain = build_sharded(build, place, None, DeviceCPU()), build_model(run, schedule)
    assert devices == [("cpu", False), ("meta", kind != "patch")], "the source's shapes; no tower is loaded again"
    expected = dict(plain.named_parameters())
    assert [name for name, _ in sharded.named_parameters()] == list(expected)
    for name, parameter in sharded.named_parameters():
        assert isinstance(parameter, DTensor)
        assert torch.equal(parameter.to_local(), expected[name])
        assert parameter.requires_grad == expected[name].requires_grad
    buffers = dict(plain.named_buffers())
    assert buffers
    assert all(torch.equal(buffer, buffers[name]) for name, buffer in sharded.named_buffers())
