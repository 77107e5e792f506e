"""Puts parameters into a file's YAML nodes: `${name}` is replaced by a value, `${a - b * 2}` by what it comes to.

A value that replaces a whole scalar keeps its kind (number, list, mapping) and is placed where it is used, so that an
error about it names the line and key that use it. `$${` stands for a plain `${`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import NoReturn

from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from common import yaml_file
from common.errors import InputError
from curriculum.language.arithmetic import UnsolvedError, evaluate, is_name

_REFERENCE = re.compile(r"\$\$\{|\$\{([^{}]*)\}")
_DEEPEST = 16
"""Parameters that refer to each other, one after another."""
_LESS = "let parameters repeat each other less often"

Loc = tuple[str | int, ...]


def fill(node: Node, values: Mapping[str, Node], *loc: str | int) -> Node:
    """`node` with all parameters filled in.

    Args:
        values: parameters by name.
        loc: keys that lead to `node`, for messages.

    Raises:
        InputError: a parameter is not declared, has no value or no single one, or arithmetic has no result.
    """
    return _Filling(values).fill(node, loc, 0)


def refers(node: Node, names: Set[str]) -> bool:
    """Whether a value refers to one of the parameters `names`."""
    if isinstance(node, ScalarNode):
        held = " ".join(match[1] or "" for match in _REFERENCE.finditer(node.value))
        return any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", held) for name in names)
    parts = [child for pair in node.value for child in pair] if isinstance(node, MappingNode) else node.value
    return any(refers(child, names) for child in parts)


@dataclass
class _Filling:
    """One filling: parameters may stand in each other, so what they come to is counted and bounded."""

    values: Mapping[str, Node]
    count: int = 0
    """Values that parameters brought in so far."""
    length: int = 0
    """Characters of text that was put together so far."""

    def fill(self, node: Node, loc: Loc, depth: int) -> Node:
        if depth > _DEEPEST:
            _refuse(node, "parameters refer to each other in a circle", loc, "give one of them a plain value")
        self.count += depth > 0
        if self.count > yaml_file.MAX_NODES:
            problem = f"parameters within parameters come to more than {yaml_file.MAX_NODES:,} values"
            _refuse(node, problem, loc, _LESS)
        if isinstance(node, ScalarNode):
            return self._scalar(node, loc, depth)
        if isinstance(node, MappingNode):
            return self._mapping(node, loc, depth)
        items = [self.fill(child, (*loc, place), depth) for place, child in enumerate(node.value)]
        return SequenceNode(node.ctag, items, node.start_mark, node.end_mark)

    def _mapping(self, node: MappingNode, loc: Loc, depth: int) -> MappingNode:
        pairs: list[tuple[Node, Node]] = []
        names: set[str] = set()
        for key, value in node.value:
            filled = self.fill(key, loc, depth)
            name = str(filled.value)
            if name in names:
                problem = "the key stands twice once parameters are filled in"
                _refuse(filled, problem, (*loc, name), "remove one of the two")
            names.add(name)
            pairs.append((filled, self.fill(value, (*loc, name), depth)))
        return MappingNode(node.ctag, pairs, node.start_mark, node.end_mark)

    def _scalar(self, node: ScalarNode, loc: Loc, depth: int) -> Node:
        if "${" not in node.value:
            return node
        whole = _REFERENCE.fullmatch(node.value)
        if whole and whole[1] is not None:
            if self._names(whole[1]):
                return _moved(self._value(whole[1], node, loc, depth), node)
            result = self._result(whole[1], node, loc, depth)
            return ScalarNode(yaml_file.implicit_tag(result), result, node.start_mark, node.end_mark)
        text = "".join(self._pieces(node, loc, depth))
        plain = node.style is None  # a quoted text stays a text; a plain one is read anew: ${n}B, ${n}
        tag = yaml_file.implicit_tag(text) if plain else node.ctag
        return ScalarNode(tag, text, node.start_mark, node.end_mark, style=node.style)

    def _pieces(self, node: ScalarNode, loc: Loc, depth: int) -> Iterator[str]:
        last = 0
        for match in _REFERENCE.finditer(node.value):
            yield node.value[last : match.start()]
            last = match.end()
            if match[1] is None:
                yield "${"
            else:
                yield (self._text if self._names(match[1]) else self._result)(match[1], node, loc, depth)
        yield node.value[last:]

    def _names(self, inside: str) -> bool:
        """Whether what stands in `${...}` is a parameter's name, and not arithmetic."""
        return inside in self.values or is_name(inside)

    def _result(self, expression: str, node: ScalarNode, loc: Loc, depth: int) -> str:
        """Computes the result of arithmetic over parameters."""
        try:
            return evaluate(expression, lambda name: self._text(name, node, loc, depth))
        except UnsolvedError as error:
            _refuse(node, error.problem, loc, error.remedy)

    def _text(self, name: str, node: ScalarNode, loc: Loc, depth: int) -> str:
        """The value of a parameter that is a single one."""
        value = self._value(name, node, loc, depth)
        if not isinstance(value, ScalarNode):
            _refuse(node, f"parameter '{name}' is not a single value", loc, "use it alone, as key: ${...}")
        self.length += len(value.value)
        if self.length > yaml_file.MAX_BYTES:
            problem = f"parameters in texts come to more than {yaml_file.MAX_BYTES:,} characters"
            _refuse(node, problem, loc, _LESS)
        return str(value.value)

    def _value(self, name: str, node: ScalarNode, loc: Loc, depth: int) -> Node:
        """The value of a parameter, itself filled in."""
        if name not in self.values:
            known = ", ".join(self.values) or "none"
            _refuse(node, f"unknown parameter '{name}'", loc, f"declare it under 'parameters' (declared: {known})")
        value = self.values[name]
        if value.tag == "tag:yaml.org,2002:null":
            _refuse(node, f"parameter '{name}' has no value", loc, f"give it one: --set {name}=VALUE")
        return self.fill(value, ("parameters", name), depth + 1)


def _moved(node: Node, place: Node) -> Node:
    """The node as if written at `place`: errors are reported at the line that uses the parameter."""
    if isinstance(node, ScalarNode):
        return ScalarNode(node.ctag, node.value, place.start_mark, place.end_mark, style=node.style)
    return type(node)(node.ctag, node.value, place.start_mark, place.end_mark)


def _refuse(node: Node, problem: str, loc: Loc, remedy: str) -> NoReturn:
    mark = node.start_mark
    raise InputError(problem, file=mark.name, line=mark.line + 1, field=yaml_file.dotted(loc) or None, remedy=remedy)
