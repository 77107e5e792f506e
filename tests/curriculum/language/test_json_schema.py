"""The exported schema knows every key, explains it, and agrees with the reader on what may be written."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from common import yaml_file
from curriculum.language.json_schema import json_schema

ROOT = Path(__file__).parents[3]
FILES = [
    path
    for folder in (ROOT / "recipes", ROOT / "tests/system/golden_schedules")
    for path in sorted(folder.rglob("*.yaml"))
    if {"phases", "extends"} & (yaml_file.compose(path)[0] or {}).keys() and path.parent.name != "sweeps"
]
SCHEMA = json_schema()


def test_every_key_is_described() -> None:
    for model in SCHEMA["$defs"].values():
        for name, value in model.get("properties", {}).items():
            assert value.get("description"), name
    for name in ("Curriculum", "CurriculumChanged"):
        assert SCHEMA["$defs"][name]["additionalProperties"] is False
        assert {"extends", "parameters", "sources", "phases"} <= SCHEMA["$defs"][name]["properties"].keys()
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_accepts_what_the_reader_accepts(path: Path) -> None:
    jsonschema.validate(yaml_file.compose(path)[0], SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        {"sead": 7},
        {"phases": None},
        {"phases": [{"name": "a", "mix": {"text": 1}, "stepps": 3}]},
        {"sources": {"text": {"path": "text", "exhausted": "loop"}}},
        {"lanes": 0},
        {"learning_rate": {"floor": 0}},
    ],
)
def test_refuses_what_the_reader_refuses(change: dict[str, Any]) -> None:
    good = {
        "seed": 7,
        "global_batch": 4,
        "sources": {"text": {"path": "text"}},
        "learning_rate": {"peak": 1e-3},
        "phases": [{"name": "a", "steps": 3, "mix": {"text": 1}}],
    }
    jsonschema.validate(good, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(good | change, SCHEMA)


def test_a_change_may_be_partial_but_not_misspelt() -> None:
    change: dict[str, Any] = {
        "extends": "base.yaml",
        "learning_rate": {"floor": 0},
        "phases": {"text": {"until": "60%"}, "x": None},
    }
    jsonschema.validate(change, SCHEMA)
    change["phases"]["text"] = {"untill": "60%"}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(change, SCHEMA)
