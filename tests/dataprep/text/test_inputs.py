from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from common import yaml_file
from common.errors import InputError
from dataprep.text.config import TextJob
from dataprep.text.inputs import expand


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b/1.jsonl", "b/2.jsonl", "a.jsonl", "c.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def expanded(folder: Path, **inputs: Any) -> list[str]:
    job = TextJob.model_validate({"out": "o", "tokenizer": "t", **inputs})
    return [uri.removeprefix(f"{folder}/") for uri in expand(job)]


def test_a_list_names_files_globs_and_directories_each_once_in_the_order_of_paths(folder: Path) -> None:
    lines = ["# the good ones", f"{folder}/c.jsonl", "", f"  {folder}/b/*.jsonl\r", f"{folder}/b", f"{folder}/c.jsonl"]
    (folder / "list").write_text("\n".join(lines))
    assert expanded(folder, input_list=f"{folder}/list") == ["b/1.jsonl", "b/2.jsonl", "c.jsonl"]
    both = expanded(folder, inputs=[f"{folder}/a.jsonl", f"{folder}/c.jsonl"], input_list=f"{folder}/list")
    assert both == ["a.jsonl", "b/1.jsonl", "b/2.jsonl", "c.jsonl"]


def test_what_a_list_names_wrongly_has_its_line(folder: Path) -> None:
    path = folder / "list"
    path.write_text(f"{folder}/a.jsonl\n{folder}/none.jsonl\n")
    with pytest.raises(InputError, match=r"list:2: .*/none\.jsonl: no file matches"):
        expanded(folder, input_list=str(path))
    path.write_text("# nothing\n")
    with pytest.raises(InputError, match="list: input_list: the list names no file"):
        expanded(folder, input_list=str(path))
    path.write_bytes(b"\x28\xb5\x2f\xfd")
    with pytest.raises(InputError, match="not a text file"):
        expanded(folder, input_list=str(path))


def test_some_input_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text("out: o\ntokenizer: t\n")
    with pytest.raises(InputError, match="no inputs; name files") as caught:
        yaml_file.load(tmp_path / "job.yaml", TextJob)
    assert "\n" not in str(caught.value)
