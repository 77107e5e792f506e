"""One line that says what, where and how to mend it; exit status 2."""

import pytest

from common.errors import EXIT_BAD_INPUT, InputError, exit_code


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "bad"),
        ({"file": "a.yaml"}, "a.yaml: bad"),
        ({"file": "a.yaml", "line": 3}, "a.yaml:3: bad"),
        ({"file": "a.yaml", "line": 3, "field": "x.y", "remedy": "mend it"}, "a.yaml:3: x.y: bad; mend it"),
    ],
)
def test_message(given: dict[str, object], text: str) -> None:
    assert str(InputError("bad", **given)) == text  # type: ignore[arg-type]


def test_stays_on_one_line() -> None:
    assert str(InputError("several\n  lines", remedy="of\ttext")) == "several lines; of text"


def test_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> int:
        raise InputError("no", file="f")

    assert exit_code(refuse) == EXIT_BAD_INPUT == 2
    assert capsys.readouterr().err == "error: f: no\n"
    assert exit_code(lambda: None) == 0
    assert exit_code(lambda: 1) == 1
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 // 0)
