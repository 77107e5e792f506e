"""JSON Schema of the language, as a file is written: a `${parameter}` may stand for any value, and `phases` of a
file that extends another may be changes by name."""

from __future__ import annotations

from typing import Any

from curriculum.language import Curriculum, PhaseSpec

_PARAMETER = {"type": "string", "pattern": r"\$\{[^{}]+\}"}
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """The schema, with every key's description."""
    schema = Curriculum.model_json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, value in model.get("properties", {}).items():
            if name not in ("extends", "parameters"):
                model["properties"][name] = _open(value)
    edits = {"type": "object", "additionalProperties": {"type": ["object", "null"]}}
    schema["properties"]["phases"]["anyOf"].append(edits)
    complete = {"required": schema.pop("required")}
    schema |= {"anyOf": [complete, {"required": ["extends"]}], "$schema": _DIALECT}
    assert PhaseSpec.__name__ in schema["$defs"]
    return schema


def _open(value: dict[str, Any]) -> dict[str, Any]:
    """The schema of a value, or of a parameter in its place; what describes the key stays outside."""
    outer = {key: value[key] for key in ("title", "description", "default") if key in value}
    inner = {key: part for key, part in value.items() if key not in outer}
    options = inner.pop("anyOf", None)
    return outer | {"anyOf": [*(options if options and not inner else [value if not outer else inner]), _PARAMETER]}
