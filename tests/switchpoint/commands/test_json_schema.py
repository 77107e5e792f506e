"""Schemas of all files that a user writes."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from switchpoint.__main__ import main
from tests.helpers.commands import ROOT


@pytest.mark.parametrize(
    ("what", "files"),
    [
        ("curriculum", ["demo/curriculum.yaml"]),
        ("run", ["demo/curriculum-run.yaml", "smoke/curriculum-run.yaml"]),
        ("text", ["demo/text.yaml"]),
        ("download", ["demo/download.yaml"]),
        ("pairs", ["demo/pairs.yaml"]),
        ("conversations", ["demo/conversations.yaml"]),
    ],
)
def test_a_recipe_fits_its_schema_and_a_misspelt_key_does_not(
    what: str, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["json-schema", what]) == 0
    validator = jsonschema.Draft202012Validator(json.loads(capsys.readouterr().out))
    for file in files:
        recipe = YAML(typ="safe").load(Path(ROOT, "recipes", file))
        assert not list(validator.iter_errors(recipe)), file
        assert list(validator.iter_errors({**recipe, "no_such_key": 1}))


def test_the_help_of_train_has_every_key_of_a_run_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["train", "--help"])
    said = capsys.readouterr().out
    main(["json-schema", "run"])
    schema = json.loads(capsys.readouterr().out)
    for model in (schema, *schema["$defs"].values()):
        for key in model.get("properties", {}):
            assert f" {key} " in said, key
