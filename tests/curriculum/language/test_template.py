"""`extends` and `${name}`: values from several files, and errors that point at the right one."""

import re
import time
from pathlib import Path

import pytest

from common import yaml_file
from common.errors import InputError
from curriculum.language.template import Template, setting


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def data(path: Path, **settings: str) -> object:
    given = {name: setting(name, text) for name, text in settings.items()}
    return yaml_file.construct(Template.read(path).fill(given).node)


def test_a_file_changes_another(tmp_path: Path) -> None:
    write(
        tmp_path,
        a="seed: 1\nmix: {x: 1, y: 2, z: 3}\nphases:\n- {name: p, for: 1}\n- {name: q, for: 2}\n",
        b="extends: a.yaml\nmix: {y: 5, z: null}\nphases: {q: {for: 9, freeze: [encoder]}}\n",
        c="extends: b.yaml\nphases: {p: null}\n",
    )
    assert data(tmp_path / "b.yaml") == {
        "seed": 1,
        "mix": {"x": 1, "y": 5},
        "phases": [{"name": "p", "for": 1}, {"name": "q", "for": 9, "freeze": ["encoder"]}],
    }
    assert data(tmp_path / "c.yaml")["phases"] == [{"name": "q", "for": 9, "freeze": ["encoder"]}]  # type: ignore[index]


def test_parameters_keep_their_kind(tmp_path: Path) -> None:
    write(
        tmp_path,
        a='parameters: {n: 3, rate: {peak: "${top}"}, top: 1e-3, where: /d}\n'
        'a: ${n}\nb: "${rate}"\nc: ${n}B\nd: "${where}/x"\ne: "$${n}"\nf: ["${n}"]\n',
    )
    expected = {"a": 3, "b": {"peak": 1e-3}, "c": "3B", "d": "/d/x", "e": "${n}", "f": [3]}
    assert data(tmp_path / "a.yaml") == expected
    assert data(tmp_path / "a.yaml", n="0.5", rate="{continue: linear}") == {
        **expected,
        "a": 0.5,
        "b": {"continue": "linear"},
        "c": "0.5B",
        "f": [0.5],
    }


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"a": "extends: b.yaml", "b": "extends: a.yaml"}, "b.yaml:1: extends: files extend each other in a circle"),
        ({"a": "extends: a.yaml"}, "in a circle"),
        ({"a": "x: 1\nextends: no.yaml"}, "a.yaml:2: extends: "),
        ({"a": "extends: [b]"}, "expected a file name"),
        ({"a": "parameters: {n: 1}\nx: ${m}"}, "a.yaml:2: x: unknown parameter 'm'; declare it under 'parameters'"),
        ({"a": "parameters: {n: null}\nx: ${n}"}, "parameter 'n' has no value; give it one: --set n=VALUE"),
        ({"a": 'parameters: {n: "${m}", m: "${n}"}\nx: ${n}'}, "refer to each other in a circle"),
        ({"a": 'parameters: {n: [1]}\nx: "a${n}"'}, "parameter 'n' is not a single value"),
        ({"a": "parameters: 3\nx: 1"}, "expected names and default values"),
        ({"a": "extends: b.yaml\nphases: {r: {}}", "b": "phases: [{name: p}]"}, "no phase 'r'; its phases: p"),
        ({"a": "- 1"}, "expected a mapping"),
    ],
)
def test_mistakes(tmp_path: Path, files: dict[str, str], said: str) -> None:
    write(tmp_path, **files)
    with pytest.raises(InputError) as caught:
        data(tmp_path / "a.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_unknown_settings_and_damaged_values(tmp_path: Path) -> None:
    write(tmp_path, a="parameters: {n: 1}\nx: ${n}")
    with pytest.raises(InputError, match="no parameter 'm'"):
        data(tmp_path / "a.yaml", m="1")
    with pytest.raises(InputError, match="--set n="):
        data(tmp_path / "a.yaml", n="[1")
    with pytest.raises(InputError, match="has no value"):
        data(tmp_path / "a.yaml", n="")


def test_an_error_in_the_extended_file_names_that_file(tmp_path: Path) -> None:
    write(tmp_path, a="seed: 1\nmix:\n  x: 1\n", b="extends: a.yaml\nmix: {y: 2}\n")
    document = Template.read(tmp_path / "b.yaml").fill()
    for key, place in (("x", "a.yaml:3"), ("y", "b.yaml:2")):
        with pytest.raises(InputError, match=place):
            document.refuse("wrong", "mix", key)


def test_a_key_that_stands_twice_once_filled_in(tmp_path: Path) -> None:
    write(tmp_path, a='parameters: {s: x}\nmix: {"${s}": 0.5,\n  x: 1}\n')
    with pytest.raises(InputError, match=r"a\.yaml:3: mix.x: the key stands twice once parameters"):
        data(tmp_path / "a.yaml")
    assert data(tmp_path / "a.yaml", s="y") == {"mix": {"y": 0.5, "x": 1}}


def test_a_null_that_removes_nothing_is_not_dropped(tmp_path: Path) -> None:
    write(tmp_path, a="rate: {floor: 1}\n", b="extends: a.yaml\nrate: {flor: null}\n")
    assert data(tmp_path / "b.yaml") == {"rate": {"floor": 1, "flor": None}}


def test_merge_keys_change_an_extended_file_too(tmp_path: Path) -> None:
    """Left as they are, the base's own keys would win over what the changing file merges."""
    write(
        tmp_path,
        a="rate: {peak: 3, floor: 1}\nmore: {<<: [{x: 1, y: 1}, {x: 2, z: 2}], y: 3}\n",
        b="extends: a.yaml\nrate: {<<: {peak: 1}}\nmore: {x: null}\n",
        c="more: {<<: 3}\n",
    )
    assert data(tmp_path / "a.yaml") == {"rate": {"peak": 3, "floor": 1}, "more": {"x": 1, "y": 3, "z": 2}}
    assert data(tmp_path / "b.yaml") == {"rate": {"peak": 1, "floor": 1}, "more": {"y": 3, "z": 2}}
    with pytest.raises(InputError, match=r"c\.yaml:1: not plain data: expected a mapping"):
        data(tmp_path / "c.yaml")


def nested(levels: int, times: int, form: str) -> str:
    """Parameters p0, p1 ... of which each holds the one before it several times."""
    held = [form.format(", ".join([f"'${{p{i - 1}}}'"] * times)) for i in range(1, levels)]
    return "parameters:\n  p0: x\n" + "".join(f"  p{i}: {one}\n" for i, one in enumerate(held, 1))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            nested(15, 9, "[{}]") + "x: ${p14}",
            "a.yaml:2: parameters.p0: parameters within parameters come to more than 100,000",
        ),
        (
            nested(15, 9, '"{}"') + "x: ${p14}",
            "a.yaml:2: parameters.p0: parameters within parameters come to more than 100,000",
        ),
        (
            f"parameters:\n  long: {'x' * 50_000}\n  y: '{'${long}' * 10}'\nx:\n- {'${y}' * 20}",
            "a.yaml:3: parameters.y: parameters in texts come to more than 4,194,304 characters",
        ),
    ],
    ids=["lists", "texts", "lengths"],
)
def test_parameters_within_parameters_are_bounded(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path, a=text)
    began = time.process_time()
    with pytest.raises(InputError, match=re.escape(said)):
        data(tmp_path / "a.yaml")
    assert time.process_time() - began < 20


def test_a_file_that_is_changed_is_checked_whole(tmp_path: Path) -> None:
    """What the change replaces would otherwise be gone before anyone looks at it."""
    for text, said in (("x: 1\nx: 2", r"a\.yaml:2: x: the key stands twice"), ("x: 010", r"a\.yaml:1: x: .*base 8")):
        write(tmp_path, a=text, b="extends: a.yaml\nx: 3\n")
        with pytest.raises(InputError, match=said):
            data(tmp_path / "b.yaml")
    write(tmp_path, a="parameters: {n: 10}\nx: 0${n}")
    with pytest.raises(InputError, match=r"a\.yaml:2: x: .*base 8"):
        data(tmp_path / "a.yaml")


def test_a_setting_may_merge(tmp_path: Path) -> None:
    write(tmp_path, a="parameters: {n: 1}\nx: ${n}")
    assert data(tmp_path / "a.yaml", n="{<<: {a: 1, b: 2}, a: 3}") == {"x": {"a": 3, "b": 2}}
