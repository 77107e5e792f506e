"""Parameters in their places: values, arithmetic, and errors that name the line and key that use them."""

from pathlib import Path

import pytest
from ruamel.yaml.nodes import Node

from common import yaml_file
from common.errors import InputError
from curriculum.language.filling import fill, refers
from curriculum.language.template import Template, setting


def data(path: Path, **settings: str) -> object:
    given = {name: setting(name, text) for name, text in settings.items()}
    return yaml_file.construct(Template.read(path).fill(given).node)


def node(text: str) -> Node:
    return setting("x", text)


def test_arithmetic_over_parameters(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        'parameters: {total: 1T, vision: 10B, share: 10%, rest: "${1 - share}", n: 3, a-b: 5}\n'
        'until: ${total - vision * rest / share}\nshare: "${vision / total}"\nrest: "${rest}"\nbatch: ${n * 2}\n'
        'path: "d/${n + 1}/x"\nname: "${a-b}"\nlater: "$${n * 2}"\n',
    )
    assert data(tmp_path / "a.yaml") == {
        "until": 910_000_000_000,
        "share": 0.01,
        "rest": "90%",
        "batch": 6,
        "path": "d/4/x",
        "name": 5,
        "later": "${n * 2}",
    }
    assert data(tmp_path / "a.yaml", share="50%")["until"] == 990_000_000_000  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "parameters: {n: 1}\nx: {y: ['${n * m}']}",
            ":2: x.y[0]: unknown parameter 'm'; declare it under 'parameters'",
        ),
        ("parameters: {n: 1}\nx: ${n - 2}", ":2: x: 'n - 2' comes to -1, less than nothing (n = 1); change"),
        (
            "parameters: {n: 1}\nx: ${n / 0}",
            ":2: x: cannot work out 'n / 0': it divides by zero (n = 1); change what it divides by",
        ),
        ("parameters: {n: [1]}\nx: ${n + 1}", ":2: x: parameter 'n' is not a single value"),
        ("parameters:\n  m: 1\n  n: ${m - 2}\nx: ${n}", ":3: parameters.n: 'm - 2' comes to -1"),
        ("parameters: {n: '${n + 1}'}\nx: ${n}", "refer to each other in a circle"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        data(tmp_path / "a.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_value_refers_to() -> None:
    value = node('{a: ["x${share}", 1], b: {c: "${1 - late}"}, d: "$${other}"}')
    assert refers(value, {"share"})
    assert refers(value, {"late"})
    assert not refers(value, {"shar", "la", "other", "x"})


def test_a_setting_s_consequences(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        'parameters: {share: 10%, switch: "${1 - share}", late: "${switch / 2}", far: 1}\nx: 1\n'
    )
    derived = Template.read(tmp_path / "a.yaml").derived({"share": node("20%")})
    assert {name: value.value for name, value in derived.items()} == {"switch": "80%", "late": "40%"}
    assert fill(node("${share}"), {"share": node("5%")}).value == "5%"
