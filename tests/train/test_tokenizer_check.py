"""Tests that the tokenizer which made the data is taken, and no other one."""

from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers.checkpoints import byte_tokenizer
from train.tokenizer_check import checked_tokenizer, tokenizer_of


def test_the_tokenizer_of_the_data_by_its_file_or_its_directory(tmp_path: Path) -> None:
    identity = byte_tokenizer(tmp_path)
    file = tmp_path / "tokenizer.json"
    assert checked_tokenizer(tmp_path, identity) == checked_tokenizer(file, identity) == file
    file.write_text(file.read_text() + "\n")
    with pytest.raises(InputError, match=f"tokenizer: this tokenizer did not .* sha256 is {identity.digest[:16]}"):
        checked_tokenizer(tmp_path, identity)
    file.unlink()
    with pytest.raises(
        InputError, match=r"tokenizer: cannot read the tokenizer \(No such file or directory\); name the"
    ):
        checked_tokenizer(file, identity)


def test_the_command_line_goes_before_the_runs_own(tmp_path: Path) -> None:
    identity = byte_tokenizer(tmp_path)
    file = tmp_path / "tokenizer.json"
    assert tokenizer_of(file, Path("none"), identity) == tokenizer_of(None, file, identity) == file
    with pytest.raises(InputError, match="cannot read"):
        tokenizer_of(Path("none"), file, identity)
    with pytest.raises(InputError, match=r"--tokenizer: the run names no tokenizer; give --tokenizer tokenizer.json"):
        tokenizer_of(None, None, identity)
