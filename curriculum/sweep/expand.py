"""Expands a sweep file into its runs: compiles every combination of every grid."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from ruamel.yaml.nodes import Node

from common import yaml_file
from common.errors import InputError
from curriculum.compiler.compile_curriculum import Compiled, compile_curriculum
from curriculum.compiler.datasets import Shelf
from curriculum.language.sweep_file import Sweep, Throughput
from curriculum.language.template import Document, Template
from schemas.schedule import Schedule

MAX_RUNS = 20_000


@dataclass(frozen=True)
class Run:
    """One run of a sweep."""

    name: str
    settings: dict[str, Any]
    """Parameters that the sweep sets, and those that follow from them, as plain data."""
    schedule: Schedule
    train: dict[str, Any] | None
    """The run config, but for what the launcher fills in."""
    throughput: Throughput | None
    identities: tuple[str, str]
    """What the run config has to say about weights before the first image, and from it on."""


@dataclass(frozen=True)
class _Point:
    """One value of an axis."""

    label: str
    nodes: dict[str, Node]


def expand(document: Document, shelf: Shelf | None = None, beside: Mapping[str, Node] | None = None) -> list[Run]:
    """Compile every run of a sweep file.

    Args:
        document: the sweep file, filled in.
        shelf: manifests that have been read.
        beside: values, the same in every run, for parameters of the curriculum or the run config.

    Raises:
        InputError: an axis names no parameter, two runs have one name, or a run cannot be compiled; the error then says
            which run.
    """
    shelf = shelf or Shelf()
    sweep = document.load(Sweep)
    curriculum = Template.read(document.path.parent / sweep.curriculum)
    train = Template.read(document.path.parent / sweep.train) if sweep.train else None
    known = {**curriculum.parameters(), **(train.parameters() if train else {})}
    for key, node in (beside or {}).items():
        if key not in known:
            problem = f"the sweep, its curriculum and its run config have no parameter '{key}'"
            names = ", ".join(sorted(known)) or "none"
            raise InputError(problem, file=node.start_mark.name, remedy=f"parameters are: {names}")
    runs: dict[str, Run] = {}
    for number in range(len(sweep.grids)):
        for name, nodes in _combinations(sweep, document, number):
            if name in runs or len(runs) >= MAX_RUNS:
                problem = f"two runs are named '{name}'" if name in runs else f"more than {MAX_RUNS:,} runs"
                document.refuse(problem, "grids", number, remedy="give grids other names and values other labels")
            if beside and (twice := sorted(nodes.keys() & beside.keys())):
                document.refuse(
                    f"'{twice[0]}' is given by --set as well", "grids", number, remedy="let one place set it"
                )
            runs[name] = _run(name, {**(beside or {}), **nodes}, curriculum, train, sweep, document, number, shelf)
    return list(runs.values())


def _combinations(sweep: Sweep, document: Document, number: int) -> Iterator[tuple[str, dict[str, Node]]]:
    grid = sweep.grids[number]
    fixed = {key: _node(document, "grids", number, "set", key) for key in grid.set}
    axes = [
        [_point(axis, value, _node(document, "grids", number, "axes", axis, i)) for i, value in enumerate(values)]
        for axis, values in grid.axes.items()
    ]
    for points in product(*axes):
        parts = [f"{axis}={point.label}" for axis, point in zip(grid.axes, points, strict=True)]
        nodes = dict(fixed)
        for axis, point in zip(grid.axes, points, strict=True):
            if twice := sorted(nodes.keys() & point.nodes.keys()):
                problem = f"'{twice[0]}' is set twice in one run, the second time by axis '{axis}'"
                document.refuse(problem, "grids", number, "axes", axis, remedy="let one place set it")
            nodes |= point.nodes
        yield re.sub(r"[^\w.=+-]", "", "_".join([grid.name, *parts])), nodes


def _node(document: Document, *loc: str | int) -> Node:
    node = yaml_file.node_at(document.node, loc)
    assert node is not None
    return node


def _point(axis: str, value: Any, node: Node) -> _Point:
    if not isinstance(value, dict):
        return _Point(str(value), {axis: node})
    if "label" not in value:
        mark = node.start_mark
        problem = f"a value of axis '{axis}' that sets several parameters needs a label"
        raise InputError(problem, file=mark.name, line=mark.line + 1, remedy="write {label: late, ...}")
    found = {str(key.value): child for key, child in node.value if key.value != "label"}
    return _Point(str(value["label"]), found)


def _run(
    name: str,
    nodes: dict[str, Node],
    curriculum: Template,
    train: Template | None,
    sweep: Sweep,
    document: Document,
    grid: int,
    shelf: Shelf,
) -> Run:
    known = curriculum.parameters().keys()
    known_to_train = train.parameters().keys() if train else {}.keys()
    for key in nodes:
        if key not in known and key not in known_to_train:
            both = ", ".join(sorted({*known, *known_to_train})) or "none"
            problem = f"'{key}' is a parameter of neither the curriculum nor the run config"
            document.refuse(problem, "grids", grid, remedy=f"parameters are: {both}")
    compiled = _compile(name, curriculum, {key: node for key, node in nodes.items() if key in known}, shelf)
    config: dict[str, Any] | None = None
    if train is not None:
        filled = train.fill({key: node for key, node in nodes.items() if key in known_to_train})
        config = yaml_file.construct(filled.node)
        for key in ("schedule", "out", "branch_from"):
            if key in (config or {}):
                filled.refuse("the sweep fills this in", key, remedy="remove it from the sweep's run config")
    told = nodes | curriculum.derived(nodes)
    settings = json.loads(json.dumps({key: yaml_file.construct(node) for key, node in told.items()}, default=str))
    identities = _identities(config or {}, sweep.idle_before_images)
    return Run(f"{document.path.stem}_{name}", settings, compiled.schedule, config, sweep.throughput, identities)


def _compile(name: str, curriculum: Template, nodes: dict[str, Node], shelf: Shelf) -> Compiled:
    try:
        return compile_curriculum(curriculum.fill(nodes), shelf)
    except InputError as error:
        raise InputError(
            f"{error.problem} (in run '{name}')",
            file=error.file,
            line=error.line,
            field=error.field,
            remedy=error.remedy,
        ) from None


def _identities(config: dict[str, Any], idle: list[str]) -> tuple[str, str]:
    """Hashes of the run config without its idle keys, and whole."""
    before = json.loads(json.dumps(config, default=str))
    whole = json.dumps(before, sort_keys=True)
    for dotted in idle:
        *path, last = dotted.split(".")
        inner = before
        for part in path:
            inner = inner.get(part, {}) if isinstance(inner, dict) else {}
        if isinstance(inner, dict):
            inner.pop(last, None)
    return _digest(json.dumps(before, sort_keys=True)), _digest(whole)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
