"""Read a YAML file into a pydantic model; every error names file, line, key and remedy on one line.

PyYAML's composed nodes keep line numbers, which plain `safe_load` throws away. The file is composed once; values come
from the safe constructor (no Python objects), and the node tree answers "which line is this key on?" for any
pydantic error location. Duplicate keys are refused: YAML would silently keep the last one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from common.errors import InputError

ModelT = TypeVar("ModelT", bound=BaseModel)
Location = Sequence[str | int]

MAX_BYTES = 4 << 20
"""A configuration is small; whatever is larger was named by mistake."""
MAX_NODES = 100_000


class _Loader(yaml.SafeLoader):
    """Safe loader that reads `1e-3` as a number, as YAML 1.2 and every user do (PyYAML wants `1.0e-3`)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def implicit_tag(text: str) -> str:
    """Tag of an unquoted scalar: which of number, text, null ... it is."""
    return str(_Loader("").resolve(yaml.ScalarNode, text, (True, False)))


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


def validate(data: Any, model: type[ModelT], *, path: str | Path, node: yaml.Node | None = None) -> ModelT:
    """Validate plain `data` as `model`; `node` (the composed YAML), if given, supplies line numbers."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        # A misspelt key is also a missing one: name what the user wrote, not what it left out.
        found = error.errors(include_url=False)
        first = next((one for one in found if one["type"] == "extra_forbidden"), found[0])
        more = error.error_count() - 1
        loc = first["loc"]
        problem, remedy = _describe(first, model)
        if more:
            problem += f" (and {more} more error{'s' if more > 1 else ''})"
        file, line = place_of(node, loc) or (path, None)
        field = dotted(_written(node, loc) if node else loc)
        raise InputError(problem, file=file, line=line, field=field, remedy=remedy) from None


def compose(path: str | Path) -> tuple[Any, yaml.Node | None]:
    """Return the file's plain data and its node tree, for readers that validate by themselves."""
    node = compose_node(path)
    return construct(node), node


def line_of(node: yaml.Node | None, loc: Location) -> int | None:
    """Line (from 1) of the deepest part of `loc` that exists in the file; for a key, the key's own line."""
    place = place_of(node, loc)
    return place[1] if place else None


def place_of(node: yaml.Node | None, loc: Location) -> tuple[str, int] | None:
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


def node_at(node: yaml.Node, loc: Location) -> yaml.Node | None:
    """The node at `loc`, if there is one."""
    for part in loc:
        step = _step(node, part)
        if step is None:
            return None
        node = step[1]
    return node


def _written(node: yaml.Node, loc: Location) -> Location:
    """`loc` as the file's author knows it: without the tags that unions put in between."""
    known: list[str | int] = []
    for number, part in enumerate(loc):
        step = _step(node, part)
        if step is not None:
            node = step[1]
        if step is not None or number == len(loc) - 1:
            known.append(part)
    return known


def _step(node: yaml.Node, part: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) == str(part):
                return key.start_mark, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child.start_mark, child
    return None


def compose_node(path: str | Path) -> yaml.Node | None:
    """The file's node tree, whose marks carry file name and line; None where the file is empty.

    Raises:
        InputError: the file is missing, larger than `MAX_BYTES`, is not YAML, or has a duplicate key.
    """
    return parse_node(_text(path), str(path))


def parse_node(text: str, path: str) -> yaml.Node | None:
    """As `compose_node`, for the text of a file that was read already."""
    try:
        loader = _Loader(text)
        loader.name = path
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(f"not valid YAML: {error.problem}", file=path, line=line) from None
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML: {error}", file=path) from None
    except RecursionError:
        raise InputError("nested too deeply", file=path) from None
    if node is not None:
        if _size(node, {}) > MAX_NODES:
            raise InputError(f"more than {MAX_NODES:,} values once its aliases are written out", file=path)
        _refuse_duplicates(node, path, ())
        _refuse_odd_numbers(node, path, ())
    return node


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Values below `node` with aliases written out: a short file can hold aliases of aliases that come to billions."""
    if id(node) not in known:
        known[id(node)] = MAX_NODES + 1  # what an alias inside of itself comes to
        children = [] if isinstance(node, yaml.ScalarNode) else node.value
        flat = [child for item in children for child in (item if isinstance(item, tuple) else (item,))]
        known[id(node)] = 1 + sum(_size(child, known) for child in flat)
    return known[id(node)]


def _text(path: str | Path) -> str:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            raise InputError(f"larger than {MAX_BYTES:,} bytes, so not a configuration", file=path)
        return raw.decode("utf-8")
    except OSError as error:
        raise InputError(f"cannot read the file ({error.strerror})", file=path, remedy="check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text ({error.reason})", file=path) from None


def _refuse_duplicates(node: yaml.Node, path: str | Path, loc: tuple[str | int, ...]) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if name in seen:
                raise InputError(
                    f"the key stands twice (first on line {seen[name]})",
                    file=path,
                    line=line,
                    field=dotted((*loc, name)),
                    remedy="remove one of the two",
                )
            seen[name] = line
            _refuse_duplicates(value, path, (*loc, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _refuse_duplicates(child, path, (*loc, index))


_ODD_NUMBER = re.compile(r"[-+]?0[0-7_]+|[-+]?[\d_]+(:[\d_.]+)+")
"""What YAML 1.1 reads in base 8 (`0256` is 174) or 60 (`1:30` is 90), which nobody means."""


def _refuse_odd_numbers(node: yaml.Node, path: str | Path, loc: tuple[str | int, ...]) -> None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _refuse_odd_numbers(value, path, (*loc, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _refuse_odd_numbers(child, path, (*loc, index))
    elif node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float") and _ODD_NUMBER.fullmatch(node.value):
        base = "60" if ":" in node.value else "8"
        raise InputError(
            f"YAML reads {node.value} as a number in base {base}",
            file=path,
            line=node.start_mark.line + 1,
            field=dotted(loc) or None,
            remedy="write it without the leading zero" if base == "8" else "quote it, if a text is meant",
        )


def construct(node: yaml.Node | None) -> Any:
    """Plain data of a node tree."""
    if node is None:
        return None
    try:
        return _Loader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or node.start_mark
        raise InputError(f"not plain data: {error.problem}", file=mark.name, line=mark.line + 1) from None
    except ValueError as error:  # a date such as 2026-13-45
        raise InputError(f"not plain data: {error}", file=node.start_mark.name) from None


_SHAPES = {
    "list_type": "write a list: one '- ' line for each item, or [...]",
    "dict_type": "write 'key: value' lines below it, or {key: value}",
    "model_type": "write 'key: value' lines below it, or {key: value}",
    "int_type": "write a whole number",
    "int_from_float": "write a whole number",
    "int_parsing": "write a whole number",
    "string_type": "put it in quotes",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
}
"""Remedies for values of the wrong type."""


def _describe(error: Any, model: type[BaseModel]) -> tuple[str, str | None]:
    """A problem and a remedy in plain words from one pydantic error."""
    kind, loc = error["type"], error["loc"]
    if kind == "extra_forbidden":
        known = _field_names(model, loc[:-1])
        close = difflib.get_close_matches(str(loc[-1]), known, n=1)
        remedy = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(known)}"
        return "unknown key", remedy if known else "remove it"
    if kind == "missing":
        return "the key is missing", "add it"
    message = str(error["msg"]).removeprefix("Value error, ")
    problem, _, remedy = message.partition("; ")
    if kind in _SHAPES:
        remedy = _SHAPES[kind]
    shown = repr(error.get("input"))
    if kind != "value_error" and len(shown) <= 60:
        problem += f" (found {shown})"
    return problem, remedy or None


def _field_names(model: Any, loc: Location) -> list[str]:
    """Names of the fields of the model that `loc` leads to, looking through containers and unions."""
    models = [model]
    for part in loc:
        found: list[Any] = []
        for one in models:
            field = _fields(one).get(part) if isinstance(part, str) else None
            found += _models_in(field.annotation) if field else [one]
        models = found
    return sorted({name for one in models for name in _fields(one)})


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    """Fields by the name that they have in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for arg in get_args(annotation) for found in _models_in(arg)]


def dotted(loc: Location) -> str:
    """`phases[1].mix` for ("phases", 1, "mix")."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
