"""The site's reference holds every key, command and module, and nothing in a docstring breaks its page."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown import markdown
from pydantic import BaseModel

from common.settings_help import models_in
from dataprep.pairs.config import PairsJob
from scripts import site_reference
from switchpoint.__main__ import COMMANDS
from train.config.run_config import RunConfig


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    return site_reference.pages()


def keys(model: type[BaseModel], before: str = "") -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        found.append(key := f"{before}{field.alias or name}")
        found += [one for inner in models_in(field.annotation) for one in keys(inner, f"{key}.")]
    return found


def test_every_key_stands_with_its_default_and_meaning(pages: dict[str, str]) -> None:
    text = pages["settings"]
    rows = [re.split(r"(?<!\\)\|", line) for line in text.splitlines() if line.startswith("| `")]
    assert {len(row) for row in rows} == {5}, "a cell is cut by a bar"
    listed = [row[1].strip().strip("`") for row in rows]
    for model in (RunConfig, PairsJob):
        assert set(keys(model)) <= set(listed)
    assert "| `seq_len` | `2048` | Ids in a window. |" in text
    assert "| `geometry.size` | required | Side of the square" in text


def test_every_command_says_what_help_says(pages: dict[str, str]) -> None:
    assert re.findall(r"^## (\S+)$", pages["commands"], re.MULTILINE) == sorted(COMMANDS)
    assert "usage: switchpoint ask" in pages["commands"]


def test_every_module_stands_with_its_public_names(pages: dict[str, str]) -> None:
    for package in site_reference.PACKAGES:
        for path in sorted((site_reference.ROOT / package).rglob("*.py")):
            if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))):
                name = ".".join(path.relative_to(site_reference.ROOT).with_suffix("").parts).removesuffix(".__init__")
                assert f"## `{name}`\n" in pages[package]
    assert "- `tied(groups)`: The key of each picture that some row ties to others:" in pages["dataprep"]
    assert "`_publish" not in pages["dataprep"]


@given(st.text(alphabet="ab <>[]()*_#|\n&", max_size=30))
def test_no_text_means_anything_to_markdown(text: str) -> None:
    shown = markdown("x" + site_reference.escaped(text))
    assert not re.search(r"<(?!/?p>|br)", shown), shown
