"""`json-schema`: what editors are given."""

import json

import pytest

from curriculum.__main__ import main
from curriculum.language.json_schema import json_schema


def test_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["json-schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json_schema()
