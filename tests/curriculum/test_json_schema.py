"""The exported schema knows every key and explains it."""

import json

from curriculum.__main__ import main
from curriculum.json_schema import json_schema


def test_every_key_is_described() -> None:
    schema = json_schema()
    for model in (schema, *schema["$defs"].values()):
        for name, value in model.get("properties", {}).items():
            if name not in ("shares",):
                assert value.get("description"), name
    assert schema["additionalProperties"] is False
    assert {"extends", "parameters", "sources", "phases"} <= schema["properties"].keys()


def test_the_command_prints_it(capsys: object) -> None:
    assert main(["json-schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()  # type: ignore[attr-defined]
