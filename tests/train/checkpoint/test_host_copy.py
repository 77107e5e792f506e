"""A copy is of one moment, in memory that the next one uses again."""

import torch

from train.checkpoint.host_copy import HostCopy


def test_a_copy_does_not_follow_its_tensor():
    memory = HostCopy()
    tensors = {"a": torch.arange(5.0), ("b", 1): torch.ones(3, dtype=torch.bfloat16), "c": torch.tensor(7)}
    expected = {name: tensor.clone() for name, tensor in tensors.items()}
    copies = memory.take(tensors)
    for tensor in tensors.values():
        tensor.zero_()
    assert all(torch.equal(copies[name], tensor) for name, tensor in expected.items())
    assert {name: copy.dtype for name, copy in copies.items()} == {name: t.dtype for name, t in tensors.items()}


def test_the_next_copy_lies_in_the_same_place_unless_it_is_larger():
    memory = HostCopy()
    memory.reserve(4096)
    first = memory.take({"a": torch.ones(1000)})["a"].data_ptr()
    assert memory.take({"a": torch.ones(500), "b": torch.ones(500)})["a"].data_ptr() == first
    grown = memory.take({"a": torch.full((5000,), 2.0)})["a"]
    assert grown.tolist() == [2.0] * 5000
