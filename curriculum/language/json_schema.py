"""Makes the JSON Schema of the language, as a file is written: a `${parameter}` may stand for any value, and a file
that extends another holds only what it changes (any key may be missing, `null` removes one, `phases` may be changes by
name).
"""

from __future__ import annotations

import copy
from typing import Any

from curriculum.language.curriculum_file import Curriculum

_PARAMETER = {"type": "string", "pattern": r"\$\{[^{}]+\}"}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_CHANGED = "Changed"


def json_schema() -> dict[str, Any]:
    """The schema, with every key's description."""
    whole = Curriculum.model_json_schema()
    models: dict[str, Any] = whole.pop("$defs")
    models["Curriculum"] = whole
    for model in models.values():
        for name, value in model.get("properties", {}).items():
            if name not in ("extends", "parameters"):
                model["properties"][name] = _open(value)
    models |= {f"{name}{_CHANGED}": _change(model) for name, model in models.items()}
    edits = {"type": "object", "additionalProperties": {"anyOf": [_reference("PhaseSpec", _CHANGED), {"type": "null"}]}}
    models[f"Curriculum{_CHANGED}"]["properties"]["phases"]["anyOf"].append(edits)
    return {
        "$schema": _DIALECT,
        "title": "Curriculum",
        "if": {"required": ["extends"]},
        "then": _reference("Curriculum", _CHANGED),
        "else": _reference("Curriculum"),
        "$defs": models,
    }


def _reference(name: str, suffix: str = "") -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}{suffix}"}


def _open(value: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value, or of a parameter in its place; what describes the key stays outside."""
    outer = {key: value[key] for key in ("title", "description", "default") if key in value}
    inner = {key: part for key, part in value.items() if key not in outer}
    options = inner.pop("anyOf", None)
    return outer | {"anyOf": [*(options if options and not inner else [value if not outer else inner]), _PARAMETER]}


def _change(model: dict[str, Any]) -> dict[str, Any]:
    """The schema of a change to what `model` describes."""
    changed: dict[str, Any] = _loosened(copy.deepcopy(model))
    for value in changed.get("properties", {}).values():
        if "anyOf" in value:
            value["anyOf"].append({"type": "null"})
    return changed


def _loosened(part: Any) -> Any:
    """`part` without required keys, with references to changes; what was one of several kinds may be part of any."""
    if isinstance(part, list):
        return [_loosened(one) for one in part]
    if not isinstance(part, dict):
        return part
    dropped = ("required", "discriminator", "maxProperties")  # a change may hold keys that it removes beside new ones
    found = {key: _loosened(value) for key, value in part.items() if key not in dropped}
    if isinstance(reference := found.get("$ref"), str):
        found["$ref"] = reference + _CHANGED
    if isinstance(values := found.get("additionalProperties"), dict):
        found["additionalProperties"] = {"anyOf": [values, {"type": "null"}]}
    if isinstance(patterns := found.get("patternProperties"), dict):
        found["patternProperties"] = {key: {"anyOf": [one, {"type": "null"}]} for key, one in patterns.items()}
    if "oneOf" in found:
        found["anyOf"] = [*found.get("anyOf", []), *found.pop("oneOf")]
    return found
