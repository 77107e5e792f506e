"""Writes the reference of the documentation site: keys of YAML files, commands, and what each module is for.

A hook of mkdocs (`hooks:` in `mkdocs.yml`): pages are made while the site is built, of the same models, parsers and
docstrings that the programs use, so they cannot fall behind them.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.append(str(ROOT))

PACKAGES = ("dataprep", "curriculum", "train", "schemas", "common", "switchpoint")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages (called by mkdocs)."""
    for name, text in pages().items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    return files


def pages() -> dict[str, str]:
    """Each page's text by its name."""
    return {"settings": settings(), "commands": commands(), **{name: modules(name) for name in PACKAGES}}


def settings() -> str:
    """Tables of all keys of runs and data jobs, as the models that read them say."""
    from switchpoint.commands.json_schema import MODELS

    about = "Curricula: [the language](../curriculum.md). `switchpoint json-schema` prints all of it for editors."
    parts = ["# Keys of YAML files", about]
    for name, place in MODELS.items():
        module, _, model = place.partition(":")
        rows = _rows(_model(module, model), "")
        parts += [f"## {name}", "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])]
    return "\n\n".join(parts) + "\n"


def _model(module: str, name: str) -> type[BaseModel]:
    found = getattr(import_module(module), name)
    assert issubclass(found, BaseModel)
    return found


def _rows(model: type[BaseModel], before: str) -> Iterator[str]:
    from common.settings_help import models_in

    for name, field in model.model_fields.items():
        key, inner = f"{before}{field.alias or name}", models_in(field.annotation)
        default = "required" if field.is_required() else _shown(field.get_default(call_default_factory=True))
        said = field.description or (inner[0].__doc__ if inner else "") or ""
        yield f"| `{key}` | {default} | {escaped(said)} |"
        for one in inner:
            yield from _rows(one, f"{key}.")


def _shown(default: Any) -> str:
    if default is None or default in ([], {}) or isinstance(default, BaseModel):
        return ""
    return f"`{default}`".replace("|", "\\|")


def commands() -> str:
    """What `--help` says of every command."""
    from switchpoint.__main__ import parser

    before, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), "110"
    try:
        top = parser()
        (choices,) = [action.choices for action in top._actions if isinstance(action.choices, dict)]
        shown = [f"## {name}\n\n```text\n{one.format_help().rstrip()}\n```" for name, one in sorted(choices.items())]
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return "\n\n".join(["# Commands", "All of them as `switchpoint COMMAND`.", *shown]) + "\n"


def modules(package: str) -> str:
    """What each module of `package` is for, and the first sentence about each of its public classes and functions."""
    parts = [f"# {package}"]
    for path in sorted((ROOT / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said = ast.get_docstring(tree)
        if not said:
            continue
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        parts.append(f"## `{name}`\n\n{_paragraphs(said)}")
        if listed := list(_public(tree)):
            parts.append("\n".join(listed))
    return "\n\n".join(parts) + "\n"


def _public(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name.startswith("_"):
            continue
        said = ast.get_docstring(node)
        if said:
            first = re.split(r"(?<=[.;:])\s", " ".join(said.split("\n\n")[0].split()), maxsplit=1)[0]
            call = "" if isinstance(node, ast.ClassDef) else f"({', '.join(_names(node.args))})"
            yield f"- `{node.name}{call}`: {escaped(first)}"


def _names(arguments: ast.arguments) -> list[str]:
    star = ["*"] if arguments.kwonlyargs and not arguments.vararg else []
    return [
        *(one.arg for one in (*arguments.posonlyargs, *arguments.args)),
        *([f"*{arguments.vararg.arg}"] if arguments.vararg else star),
        *(one.arg for one in arguments.kwonlyargs),
        *([f"**{arguments.kwarg.arg}"] if arguments.kwarg else []),
    ]


def _paragraphs(said: str) -> str:
    """A docstring as Markdown: indented blocks as they are, the rest as text."""
    blocks = []
    for block in said.split("\n\n"):
        drawn = all(line.startswith("    ") or not line for line in block.split("\n"))
        blocks.append(f"```text\n{block}\n```" if drawn else escaped(block))
    return "\n\n".join(blocks)


def escaped(text: str) -> str:
    """`text` on one line, so that nothing but its code spans has a meaning to Markdown."""
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))
    return "".join(
        part.replace("|", "\\|") if part.startswith("`") else re.sub(r"([|<>\[\]*_#])", r"\\\1", part) for part in parts
    )
