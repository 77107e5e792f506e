"""Files that are written a tensor at a time are safetensors; rows of several files are read as one tensor."""

from itertools import pairwise

import pytest
import torch
import xxhash
from safetensors.torch import load_file, save_file

from common.errors import InputError
from train.checkpoint import tensor_file
from train.checkpoint.tensor_file import TensorFiles, write


def some() -> dict[str, torch.Tensor]:
    return {
        "odd": torch.arange(5, dtype=torch.uint8),
        "matrix": torch.randn(7, 3),
        "half": torch.randn(3).bfloat16(),
        "number": torch.tensor(3.0),
        "none": torch.zeros(0, 4),
        "turned": torch.randn(4, 2).t(),
    }


def test_the_packages_own_reader_reads_it_and_the_digest_is_the_files(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_file, "BLOCK", 7)
    tensors, file = some(), tmp_path / "x.safetensors"
    digest = write(tensors, file)
    found = load_file(file)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    assert digest == xxhash.xxh3_128_hexdigest(file.read_bytes())


def test_what_the_packages_own_writer_wrote_is_read(tmp_path):
    tensors = {name: tensor.contiguous() for name, tensor in some().items()}
    save_file(tensors, tmp_path / "x.safetensors")
    found = TensorFiles([tmp_path / "x.safetensors"])
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    assert found.shape("matrix") == (7, 3)
    assert found.shape("number") == ()
    assert found.shape("other") is None


@pytest.mark.parametrize("cuts", [(0, 7), (0, 3, 7), (0, 4, 4, 7), (0, 1, 2, 7)])
def test_any_rows_of_any_cut(tmp_path, cuts):
    whole = torch.randn(7, 3)
    files = []
    for start, stop in pairwise(cuts):
        files.append(tmp_path / f"{len(files)}.safetensors")
        write({"matrix": whole[start:stop]}, files[-1], {"matrix": (start, 7)})
    found = TensorFiles(files[::-1])
    assert torch.equal(found["matrix"], whole)
    for start in range(8):
        for stop in range(start, 8):
            assert torch.equal(found.rows("matrix", start, stop), whole[start:stop])


def test_missing_rows_and_damage_are_refused(tmp_path):
    files = [tmp_path / f"{number}.safetensors" for number in range(3)]
    for number, file in enumerate(files):
        write({"matrix": torch.zeros(2, 3)}, file, {"matrix": (2 * number, 6)})
    for kept in (files[:2], files[1:], [files[0], files[2]], [*files, files[1]]):
        with pytest.raises(InputError, match="rows of 'matrix' are missing"):
            TensorFiles(kept)
    files[1].write_bytes(files[1].read_bytes()[:-9])
    with pytest.raises(InputError, match="damaged or missing tensors"):
        TensorFiles(files)


def test_it_is_given_up_when_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(tensor_file, "BLOCK", 8)
    answers = iter([False, False, True])
    with pytest.raises(OSError, match="given up"):
        write(some(), tmp_path / "x", cut_short=lambda: next(answers))
