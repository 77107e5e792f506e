"""Reads a curriculum file as a tree that remembers where every value was written, and resolves `extends:` and `${...}`.

Both work on YAML nodes instead of on the data, so an error found much later (shares that do not sum, a learning rate
that ends early) still names the file and line that its author can mend, whichever file of the chain that is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from common import yaml_file
from common.errors import InputError
from curriculum.language.filling import fill, refers

ModelT = TypeVar("ModelT", bound=BaseModel)

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
_MAX_CHAIN = 16


@dataclass(frozen=True)
class Document:
    """A file with everything filled in."""

    path: Path
    node: MappingNode
    files: tuple[Path, ...]
    """This file and those that it extends, nearest first."""

    def load(self, model: type[ModelT]) -> ModelT:
        """Validate as `model`. Raises InputError with file, line, key and remedy."""
        return yaml_file.validate(yaml_file.construct(self.node), model, path=self.path, node=self.node)

    def refuse(self, problem: str, *loc: str | int, remedy: str | None = None) -> NoReturn:
        """Raise the InputError that points at the key `loc`."""
        file, line = yaml_file.place_of(self.node, loc) or (str(self.path), None)
        raise InputError(problem, file=file, line=line, field=yaml_file.dotted(loc) or None, remedy=remedy)


@dataclass(frozen=True)
class Template:
    """A file whose `extends` are settled, and whose parameters are still open."""

    path: Path
    node: MappingNode
    files: tuple[Path, ...]

    @classmethod
    def read(cls, path: str | Path) -> Template:
        """Read `path` and the files that it extends.

        Raises:
            InputError: a file is missing or damaged, `extends` goes in a circle, or a change names no phase.
        """
        node, files = _chain(Path(path), ())
        return cls(Path(path), node, files)

    def parameters(self) -> dict[str, Node]:
        """Declared parameters and their default values."""
        declared = _get(self.node, "parameters")
        if declared is None:
            return {}
        if not isinstance(declared, MappingNode):
            _refuse(declared, "expected names and default values", "parameters", "write 'parameters: {share: 0.15}'")
        return {str(key.value): value for key, value in declared.value}

    def derived(self, settings: Mapping[str, Node]) -> dict[str, Node]:
        """Parameters that follow from `settings`, as `switch: ${1 - share}` follows from `share`, and their values."""
        values = {**self.parameters(), **settings}
        changed = set(settings)
        while more := {name for name, node in values.items() if name not in changed and refers(node, changed)}:
            changed |= more
        found = [name for name in values if name in changed and name not in settings]
        return {name: fill(values[name], values, "parameters", name) for name in found}

    def fill(self, settings: Mapping[str, Node] | None = None) -> Document:
        """Put parameters in their places, `settings` before defaults.

        Raises:
            InputError: a setting or a reference names an undeclared parameter, or a parameter has no value.
        """
        values = self.parameters()
        for name, node in (settings or {}).items():
            if name not in values:
                known = ", ".join(values) or "none"
                _refuse(node, f"the curriculum has no parameter '{name}'", None, f"declared in {self.path}: {known}")
            values[name] = node
        kept = [(key, value) for key, value in self.node.value if key.value not in ("parameters", "extends")]
        body = MappingNode(self.node.ctag, kept, self.node.start_mark, self.node.end_mark)
        filled = fill(body, values)
        assert isinstance(filled, MappingNode)
        return Document(self.path, filled, self.files)


def setting(name: str, text: str) -> Node:
    """The node of a value given on the command line as `--set name=text`."""
    try:
        node = yaml_file.parse_node(text, f"--set {name}")
    except InputError as error:
        raise InputError(f"--set {name}={text}: {error.problem}", remedy="quote it as YAML") from None
    if node is None:
        raise InputError(f"--set {name}= has no value", remedy=f"write --set {name}=VALUE")
    return node


def _chain(path: Path, below: tuple[Path, ...]) -> tuple[MappingNode, tuple[Path, ...]]:
    node = yaml_file.compose_node(path)
    if not isinstance(node, MappingNode):
        raise InputError("expected a mapping at the top", file=path, line=1, remedy="write 'key: value' lines")
    base = _get(node, "extends")
    if base is None:
        return node, (path,)
    if not isinstance(base, ScalarNode) or not base.value:
        _refuse(base, "expected a file name", "extends", "write 'extends: base.yaml'")
    target = path.parent / base.value
    seen = [one.resolve() for one in (*below, path)]
    if target.resolve() in seen or len(seen) >= _MAX_CHAIN:
        circle = " -> ".join(str(one) for one in (*below, path, target))
        _refuse(base, f"files extend each other in a circle: {circle}", "extends", "remove one of the links")
    if not target.is_file():
        _refuse(base, f"{target} does not exist", "extends", "the path is relative to the file that names it")
    parent, files = _chain(target, (*below, path))
    return _merge_curricula(parent, node), (path, *files)


def _merge_curricula(base: MappingNode, change: MappingNode) -> MappingNode:
    """Apply `change` to `base`; `phases` given by name edit the base's list."""
    phases = _get(change, "phases")
    if isinstance(phases, MappingNode):
        listed = _get(base, "phases")
        items = list(listed.value) if isinstance(listed, SequenceNode) else []
        names = [_name(item) for item in items]
        for key, value in phases.value:
            if key.value not in names:
                known = ", ".join(filter(None, names))
                _refuse(key, f"the extended file has no phase '{key.value}'", "phases", f"its phases: {known}")
            number = names.index(key.value)
            items[number] = _merge(items[number], value)
        merged = [item for item in items if not _is_null(item)]
        sequence = SequenceNode("tag:yaml.org,2002:seq", merged, phases.start_mark, phases.end_mark)
        rest = [(k, sequence if k.value == "phases" else v) for k, v in change.value]
        change = MappingNode(change.ctag, rest, change.start_mark, change.end_mark)
    merged_node = _merge(base, change)
    assert isinstance(merged_node, MappingNode)
    return merged_node


def _merge(base: Node, change: Node) -> Node:
    if not (isinstance(base, MappingNode) and isinstance(change, MappingNode)):
        return change
    entries = {str(key.value): (key, value) for key, value in base.value}
    for key, value in change.value:
        name = str(key.value)
        if _is_null(value) and name in entries:
            del entries[name]
        else:  # a `null` that removes nothing stays, so that a misspelt key is found
            entries[name] = (key, _merge(entries[name][1], value) if name in entries else value)
    return MappingNode(change.ctag, list(entries.values()), change.start_mark, change.end_mark)


def _get(node: MappingNode, name: str) -> Node | None:
    return next((value for key, value in node.value if key.value == name), None)


def _name(phase: Node) -> str | None:
    name = _get(phase, "name") if isinstance(phase, MappingNode) else None
    return str(name.value) if name is not None else None


def _is_null(node: Node) -> bool:
    return node.tag == "tag:yaml.org,2002:null"


def _refuse(node: Node, problem: str, field: str | None, remedy: str) -> NoReturn:
    mark = node.start_mark
    raise InputError(problem, file=mark.name, line=mark.line + 1, field=field, remedy=remedy)
