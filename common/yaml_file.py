"""Reads a YAML file into a pydantic model; every error names file, line, key and remedy on one line.

The parser is ruamel.yaml, for YAML 1.2: `1e-3` is a number, `1:30` and `yes` are texts, and a key that stands twice is
an error. Its composed nodes keep line numbers, so the node tree answers "which line is this key on?" for any location
that pydantic names. Values are plain data: no tag of a file makes a Python object.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.constructor import ConstructorError, DuplicateKeyError, SafeConstructor
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import Resolver
from ruamel.yaml.tag import Tag

from common import seal
from common.errors import InputError
from common.model_errors import described

ModelT = TypeVar("ModelT", bound=BaseModel)
Location = Sequence[str | int]

MAX_BYTES = 4 << 20
"""A configuration is small; whatever is larger was named by mistake."""
MAX_NODES = 100_000
_MAX_DEPTH = 100


class _Constructor(SafeConstructor):
    """Makes plain data of nodes; an integer that starts with 0 is refused.

    YAML 1.1 reads `010` in base 8, YAML 1.2 in base 10: nobody can tell which of the two its author meant.
    """

    yaml_constructors: dict[str | None, Any] = {None: SafeConstructor.construct_undefined}

    def construct_yaml_int(self, node: ScalarNode) -> int:
        if re.fullmatch(r"[-+]?0[0-9_]+", str(node.value)):
            raise ConstructorError(
                problem=f"YAML 1.1 reads {node.value} in base 8, YAML 1.2 in base 10",
                problem_mark=node.start_mark,
                note="write it without the leading zero, or quote it, if a text is meant",
            )
        return int(super().construct_yaml_int(node))

    def construct_non_recursive_object(self, node: Node, tag: str | None = None) -> Any:
        try:
            return super().construct_non_recursive_object(node, tag)
        except (ValueError, LookupError) as error:  # a date such as 2026-13-45; `!!bool 3`
            raise ConstructorError(problem=str(error), problem_mark=node.start_mark) from None


for _tag in ("null", "bool", "int", "float", "timestamp", "str", "seq", "map"):
    _Constructor.add_default_constructor(_tag)


def _parser() -> YAML:
    parser = YAML(typ="safe", pure=True)  # the same parser, whether or not ruamel's part in C is installed
    parser.Constructor = _Constructor
    parser.max_depth = _MAX_DEPTH
    parser.composer.warn_double_anchors = False
    return parser


_LOADER = _parser()
_RESOLVER = Resolver()


def implicit_tag(text: str) -> Tag:
    """Tag of an unquoted scalar: which of number, text, null ... it is."""
    tag: Tag = _RESOLVER.resolve(ScalarNode, text, (True, False))
    return tag


def load(path: str | Path, model: type[ModelT]) -> ModelT:
    """Parse `path` as YAML and validate it as `model`.

    Raises:
        InputError: the file is missing, is not YAML, has a duplicate key, or does not fit `model`.
    """
    data, node = compose(path)
    if not isinstance(data, dict):
        raise InputError(
            f"expected a mapping at the top, found {type(data).__name__}",
            file=path,
            line=1,
            remedy="write 'key: value' lines",
        )
    return validate(data, model, path=path, node=node)


def validate(data: Any, model: type[ModelT], *, path: str | Path, node: Node | None = None) -> ModelT:
    """Validate plain `data` as `model`; `node` (the composed YAML), if given, supplies line numbers."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # A misspelt key is also a missing one: name what the user wrote, not what it left out.
        found = error.errors(include_url=False)
        first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
        more = error.error_count() - 1
        loc = first["loc"]
        problem, remedy = described(first, model)
        if more:
            problem += f" (and {more} more error{'s' if more > 1 else ''})"
        file, line = place_of(node, loc) or (path, None)
        field = dotted(_written(node, loc) if node else loc)
        raise InputError(problem, file=file, line=line, field=field, remedy=remedy) from None


def compose(path: str | Path) -> tuple[Any, Node | None]:
    """Return the file's plain data and its node tree, for readers that validate by themselves."""
    node = compose_node(path)
    return construct(node), node


def place_of(node: Node | None, loc: Location) -> tuple[str, int] | None:
    """File and line (from 1) of the deepest part of `loc` that exists; a tree may come from several files."""
    if node is None:
        return None
    mark = node.start_mark
    for part in loc:
        step = _step(node, part)
        if step is None:
            continue  # a union's tag, or a key that is missing from the file
        mark, node = step
    return mark.name, mark.line + 1


def node_at(node: Node, loc: Location) -> Node | None:
    """The node at `loc`, if there is one."""
    for part in loc:
        step = _step(node, part)
        if step is None:
            return None
        node = step[1]
    return node


def _written(node: Node, loc: Location) -> Location:
    """`loc` as the file's author knows it: without the tags that unions put in between."""
    known: list[str | int] = []
    for number, part in enumerate(loc):
        step = _step(node, part)
        if step is not None:
            node = step[1]
        if step is not None or number == len(loc) - 1:
            known.append(part)
    return known


def _step(node: Node, part: str | int) -> tuple[StreamMark, Node] | None:
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if str(key.value) == str(part):
                return key.start_mark, value
    if isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child.start_mark, child
    return None


def compose_node(path: str | Path) -> Node | None:
    """The file's node tree, whose marks carry file name and line; None where the file is empty.

    Raises:
        InputError: the file is missing, larger than `MAX_BYTES`, is not YAML, has a duplicate key or is not plain data.
    """
    return parse_node(_text(path), str(path))


def parse_node(text: str, path: str) -> Node | None:
    """Parses a node like `compose_node`, from the text of a file that was read already."""
    stream = io.StringIO(text)
    stream.name = path  # type: ignore[attr-defined]  # marks name the file by this
    try:
        node: Node | None = _parser().compose(stream)
    except MaxDepthExceededError as error:
        raise InputError("nested too deeply", file=path, line=error.problem_mark.line + 1) from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        written = text.splitlines()[line - 1 : line] if line else []  # nothing, where the text ends too early
        braces = any(re.search(r"[{\[,:]\s*\$\{", one) for one in written)
        remedy = "in braces and brackets, quote it: '${name}'" if braces else _syntax_remedy(str(error.problem))
        raise InputError(f"not valid YAML: {error.problem}", file=path, line=line, remedy=remedy) from None
    except YAMLError as error:
        raise InputError(f"not valid YAML: {error}", file=path) from None
    if node is None:
        return None
    if _size(node, {}) > MAX_NODES:
        raise InputError(f"more than {MAX_NODES:,} values once its aliases are written out", file=path)
    _write_merges_out(node)
    construct(node)
    return node


def _syntax_remedy(problem: str) -> str:
    """Names what most likely mends a text that is no YAML."""
    for sign, remedy in _SYNTAX.items():
        if sign in problem:
            return remedy
    return "look at this line and the one above: indentation, ': ' behind keys, quotes that are closed"


def _write_merges_out(node: Node) -> None:
    """Put what merge keys (`<<: *defaults`) bring behind the mapping's own keys, which are stronger."""
    if isinstance(node, SequenceNode):
        for child in node.value:
            _write_merges_out(child)
    if not isinstance(node, MappingNode):
        return
    for _, value in node.value:
        _write_merges_out(value)
    merges = [pair for pair in node.value if pair[0].value == "<<" and pair[0].tag == "tag:yaml.org,2002:merge"]
    held = merges[0][1].value if merges and isinstance(merges[0][1], SequenceNode) else [value for _, value in merges]
    if len(merges) == 1 and all(
        isinstance(one, MappingNode) for one in held
    ):  # others are for the constructor to refuse
        node.value.remove(merges[0])
        names = {str(key.value) for key, _ in node.value}
        for one in held:
            node.value += [(key, value) for key, value in one.value if str(key.value) not in names]
            names |= {str(key.value) for key, _ in one.value}


def _size(node: Node, known: dict[int, int]) -> int:
    """Values below `node` with aliases written out: a short file can hold aliases of aliases that come to billions."""
    if id(node) not in known:
        known[id(node)] = MAX_NODES + 1  # what an alias inside of itself comes to
        children = [] if isinstance(node, ScalarNode) else node.value
        flat = [child for item in children for child in (item if isinstance(item, tuple) else (item,))]
        known[id(node)] = 1 + sum(_size(child, known) for child in flat)
    return known[id(node)]


def _text(path: str | Path) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise InputError(f"larger than {MAX_BYTES:,} bytes, so not a configuration", file=path)
        text = raw.decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot read the file ({error.strerror})", file=path, remedy="check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text ({error.reason})", file=path) from None
    if not seal.text_fits(text):
        remedy = "write it again; if it was edited on purpose, delete this line"
        raise InputError("not what was written: its seal does not fit", file=path, line=1, remedy=remedy)
    return text


def construct(node: Node | None) -> Any:
    """Plain data of a node tree.

    Raises:
        InputError: a key stands twice in one mapping, or a value is not plain data.
    """
    if node is None:
        return None
    try:
        return _Constructor(loader=_LOADER).construct_document(node)
    except MarkedYAMLError as error:
        mark = error.problem_mark or node.start_mark
        loc = next((loc for loc, one in _walk(node, ()) if one.start_mark is mark), ())
        problem, remedy = f"not plain data: {error.problem}", error.note
        if isinstance(error, DuplicateKeyError):
            first = next(one for at, one in _walk(node, ()) if at == loc)
            problem = f"the key stands twice (first on line {first.start_mark.line + 1})"
            remedy = "remove one of the two"
        place = {"file": mark.name, "line": mark.line + 1, "field": dotted(loc) or None}
        raise InputError(problem, remedy=remedy, **place) from None


def _walk(node: Node, loc: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Node]]:
    """Every node with its location; a key comes before its value."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            yield (*loc, str(key.value)), key
            yield from _walk(value, (*loc, str(key.value)))
    elif isinstance(node, SequenceNode):
        for index, child in enumerate(node.value):
            yield from _walk(child, (*loc, index))
    yield loc, node


def dump(data: Any) -> str:
    """`data` as the text of a YAML file, keys in their order."""
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.allow_unicode = False  # written as it is, a NEL or the like is read as a line break
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # None, its default, sorts
    text = io.StringIO()
    writer.dump(data, text)
    return text.getvalue()


_SYNTAX = {
    "'\\t'": "indent with spaces",
    "'}'": "close the brace, or put a comma between the items",
    "']'": "close the bracket, or put a comma between the items",
}
"""Remedies by what the parser says."""


def dotted(loc: Location) -> str:
    """`phases[1].mix` for ("phases", 1, "mix")."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
