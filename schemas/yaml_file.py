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

from schemas.errors import InputError

ModelT = TypeVar("ModelT", bound=BaseModel)
Location = Sequence[str | int]


class _Loader(yaml.SafeLoader):
    """Safe loader that reads `1e-3` as a number, as YAML 1.2 and every user do (PyYAML wants `1.0e-3`)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def load(path: str | Path, model: type[ModelT]) -> ModelT:
    """Parse `path` as YAML and validate it as `model`.

    Raises:
        InputError: the file is missing, is not YAML, has a duplicate key, or does not fit `model`.
    """
    text, node = _compose(path)
    del text
    data = _construct(node)
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
        first = error.errors(include_url=False)[0]
        more = error.error_count() - 1
        loc = first["loc"]
        problem, remedy = _describe(first, model)
        if more:
            problem += f" (and {more} more like this)"
        raise InputError(problem, file=path, line=line_of(node, loc), field=_dotted(loc), remedy=remedy) from None


def compose(path: str | Path) -> tuple[Any, yaml.Node | None]:
    """Return the file's plain data and its node tree, for readers that validate by themselves."""
    _, node = _compose(path)
    return _construct(node), node


def line_of(node: yaml.Node | None, loc: Location) -> int | None:
    """Line (from 1) of the deepest part of `loc` that exists in the file; for a key, the key's own line."""
    if node is None:
        return None
    line = node.start_mark.line + 1
    for part in loc:
        step = _step(node, part)
        if step is None:
            continue  # a union's tag, or a key that is missing from the file
        line, node = step
    return line


def _step(node: yaml.Node, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if str(key.value) == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child = node.value[part]
        return child.start_mark.line + 1, child
    return None


def _compose(path: str | Path) -> tuple[str, yaml.Node | None]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot read the file ({error.strerror})", file=path, remedy="check the path") from None
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text ({error.reason})", file=path) from None
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise InputError(f"not valid YAML: {error.problem}", file=path, line=line) from None
    except yaml.YAMLError as error:
        raise InputError(f"not valid YAML: {error}", file=path) from None
    if node is not None:
        _refuse_duplicates(node, path, ())
    return text, node


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
                    field=_dotted((*loc, name)),
                    remedy="remove one of the two",
                )
            seen[name] = line
            _refuse_duplicates(value, path, (*loc, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            _refuse_duplicates(child, path, (*loc, index))


def _construct(node: yaml.Node | None) -> Any:
    if node is None:
        return None
    loader = _Loader("")
    try:
        return loader.construct_document(node)
    finally:
        loader.dispose()


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
            field = one.model_fields.get(part) if isinstance(part, str) else None
            found += _models_in(field.annotation) if field else [one]
        models = found
    return sorted({name for one in models for name in one.model_fields})


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for arg in get_args(annotation) for found in _models_in(arg)]


def _dotted(loc: Location) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
