"""Every number of a recipe of the paper, and of its data, says where it is from: a source in brackets, or "ours"."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from common import yaml_file

ROOT = Path(__file__).parents[2]
RECIPES = sorted([*(ROOT / "recipes" / "paper").rglob("*.yaml"), *(ROOT / "recipes" / "data").rglob("*.yaml")])
NUMBER = re.compile(r"[-+]?\d[\d_,.]*(e[-+]?\d+)?\s*([KMBT]|%|steps?|tokens?|samples?)?(:\d+)?", re.IGNORECASE)
SOURCE = re.compile(r"#.*(\[([a-z0-9.]+)\]|\bours\b)")
LEGEND = re.compile(r"^\| \[([a-z0-9.]+)\] \|", re.MULTILINE)
NAMES = ("label", "name", "path", "dino_path", "out", "inputs", "tokenizer", "image_root", "metadata", "dr", "where")
"""Keys whose values are names, not numbers."""


def numbers(node: Node, lines: tuple[int, ...], key: str = "") -> Iterator[tuple[str, tuple[int, ...]]]:
    """(text, lines on which it may be explained: its own and those of the keys above it) of all numbers."""
    if isinstance(node, MappingNode):
        for name, value in node.value:
            yield from numbers(value, (*lines, name.start_mark.line), str(name.value))
    elif isinstance(node, SequenceNode):
        for value in node.value:
            yield from numbers(value, (*lines, value.start_mark.line), key)
    elif key not in NAMES:
        literal = re.sub(r"[A-Za-z_][\w.-]*", "", node.value) if "${" in node.value else node.value
        if NUMBER.fullmatch(node.value) or ("${" in node.value and re.search(r"\d", literal)):
            yield node.value, (*lines, node.start_mark.line)


def unexplained(text: str, known: set[str]) -> list[str]:
    """Numbers of a recipe without a source, as `line: number`."""
    written = text.splitlines()
    node = yaml_file.parse_node(text, "recipe")
    assert node is not None
    found = []
    for number, lines in numbers(node, ()):
        tags = [match for line in lines if (match := SOURCE.search(written[line]))]
        if not any(match[2] is None or match[2] in known for match in tags):
            found.append(f"{lines[-1] + 1}: {number}")
    return found


def known() -> set[str]:
    return set(LEGEND.findall((ROOT / "docs" / "paper.md").read_text(encoding="utf-8")))


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: str(path.relative_to(ROOT / "recipes")))
def test_every_number_has_a_source(recipe: Path) -> None:
    assert not unexplained(recipe.read_text(encoding="utf-8"), known())


def test_what_is_not_explained_is_found() -> None:
    text = (
        'a: 1\nb:\n  - {c: 2%}\n  - 3  # ours\nd: # [run]\n  e: 4\nf: 5 # [gone]\ng: "${h * 6}"\nname: 7\ni: "${j}"\n'
    )
    assert unexplained(text, {"run"}) == ["1: 1", "3: 2%", "7: 5", "8: ${h * 6}"]


def test_the_legend_has_all_sources() -> None:
    assert {"run", "cap", "rev", "cfg", "card", "sec", "calc"} <= known()
