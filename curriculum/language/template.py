"""A curriculum file as a tree that remembers where every value was written: `extends:` and `${...}` are settled here.

Both work on YAML nodes instead of on the data, so an error found much later (shares that do not sum, a learning rate
that ends early) still names the file and line that its author can mend, whichever file of the chain that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from common import yaml_file
from common.errors import InputError
from curriculum.language.arithmetic import UnsolvedError, evaluate, is_name

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
        filled = _Filling(values).fill(body)
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


@dataclass
class _Filling:
    """One filling of a template: parameters may stand in each other, so what they come to is counted and bounded."""

    values: Mapping[str, Node]
    count: int = 0
    """Values that parameters brought in so far."""
    length: int = 0
    """Characters of text that was put together so far."""

    def fill(self, node: Node, depth: int = 0) -> Node:
        """The node with parameters in their places; `depth` counts parameters within parameters."""
        if depth > _MAX_CHAIN:
            _refuse(node, "parameters refer to each other in a circle", None, "give one of them a plain value")
        self.count += depth > 0
        if self.count > yaml_file.MAX_NODES:
            problem = f"parameters within parameters come to more than {yaml_file.MAX_NODES:,} values"
            _refuse(node, problem, None, "let parameters repeat each other less often")
        if isinstance(node, ScalarNode):
            return self._scalar(node, depth)
        if isinstance(node, MappingNode):
            pairs = [(self.fill(key, depth), self.fill(value, depth)) for key, value in node.value]
            names: set[str] = set()
            for key, _ in pairs:
                name = str(key.value)
                if name in names:
                    _refuse(key, "the key stands twice once parameters are filled in", name, "remove one of the two")
                names.add(name)
            return MappingNode(node.ctag, pairs, node.start_mark, node.end_mark)
        items = [self.fill(child, depth) for child in node.value]
        return SequenceNode(node.ctag, items, node.start_mark, node.end_mark)

    def _scalar(self, node: ScalarNode, depth: int) -> Node:
        if "${" not in node.value:
            return node
        whole = _REFERENCE.fullmatch(node.value)
        if whole and whole[1] is not None:
            if self._is_name(whole[1]):
                return _moved(self.fill(self._value(whole[1], node), depth + 1), node)
            result = self._worked_out(whole[1], node, depth)
            return ScalarNode(yaml_file.implicit_tag(result), result, node.start_mark, node.end_mark)
        text = "".join(self._pieces(node, depth))
        plain = node.style is None  # a quoted text stays a text; a plain one is read anew: ${n}B, ${n}
        tag = yaml_file.implicit_tag(text) if plain else node.ctag
        return ScalarNode(tag, text, node.start_mark, node.end_mark, style=node.style)

    def _pieces(self, node: ScalarNode, depth: int) -> Iterator[str]:
        last = 0
        for match in _REFERENCE.finditer(node.value):
            yield node.value[last : match.start()]
            last = match.end()
            if match[1] is None:
                yield "${"
                continue
            name = self._is_name(match[1])
            yield self._text(match[1], node, depth) if name else self._worked_out(match[1], node, depth)
        yield node.value[last:]

    def _is_name(self, text: str) -> bool:
        return text in self.values or is_name(text)

    def _text(self, name: str, node: ScalarNode, depth: int) -> str:
        """The value of a parameter that is a single one."""
        value = self.fill(self._value(name, node), depth + 1)
        if not isinstance(value, ScalarNode):
            _refuse(node, f"parameter '{name}' is not a single value", None, "use it alone, as key: ${...}")
        self.length += len(value.value)
        if self.length > yaml_file.MAX_BYTES:
            problem = f"parameters in texts come to more than {yaml_file.MAX_BYTES:,} characters"
            _refuse(node, problem, None, "let parameters repeat each other less often")
        return str(value.value)

    def _worked_out(self, expression: str, node: ScalarNode, depth: int) -> str:
        """The value of an expression over parameters."""
        try:
            return evaluate(expression, lambda name: self._text(name, node, depth))
        except UnsolvedError as error:
            _refuse(node, error.problem, None, error.remedy)

    def _value(self, name: str, node: Node) -> Node:
        if name not in self.values:
            known = ", ".join(self.values) or "none"
            _refuse(node, f"unknown parameter '{name}'", None, f"declare it under 'parameters' (declared: {known})")
        if _is_null(self.values[name]):
            _refuse(node, f"parameter '{name}' has no value", None, f"give it one: --set {name}=VALUE")
        return self.values[name]


def _moved(node: Node, place: Node) -> Node:
    """The node as if written at `place`: where a value is used is where its error is understood."""
    if isinstance(node, ScalarNode):
        return ScalarNode(node.ctag, node.value, place.start_mark, place.end_mark, style=node.style)
    return type(node)(node.ctag, node.value, place.start_mark, place.end_mark)


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
