"""Every mistake in a YAML file gets file, line, key and remedy on one line."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Discriminator, Field, Tag

from common import seal, yaml_file
from common.errors import InputError
from schemas.strict_model import Strict


class Cat(Strict):
    lives: int = Field(gt=0)


class Dog(Strict):
    bark: str


Animal = Annotated[
    Annotated[Cat, Tag("a cat")] | Annotated[Dog, Tag("a dog")],
    Discriminator(lambda value: "a dog" if isinstance(value, dict) and "bark" in value else "a cat"),
]


class Config(Strict):
    rate: float = 1.0
    kind: Literal["small", "large"] = "small"
    pets: list[Animal] = []
    from_: int = Field(default=0, alias="from")


def load(tmp_path: Path, text: str | bytes) -> Config:
    path = tmp_path / "c.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return yaml_file.load(path, Config)


def parsed(text: str) -> Any:
    return yaml_file.construct(yaml_file.parse_node(text, "f"))


def test_reads_exponents_as_numbers(tmp_path: Path) -> None:
    assert load(tmp_path, "rate: 1e-3\nfrom: 3\n") == Config.model_validate({"rate": 0.001, "from": 3})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rte: 1", "c.yaml:1: rte: unknown key; did you mean 'rate'?"),
        ("rate: 1\nfrm: 1", "c.yaml:2: frm: unknown key; did you mean 'from'?"),
        ("rate: fast", "c.yaml:1: rate: Input should be a valid number"),
        ("rate: 1\nrate: 2", "c.yaml:2: rate: the key stands twice (first on line 1)"),
        ("lr: 1", "c.yaml:1: lr: unknown key; write learning_rate: {peak: ..., warmup: ...} in the curriculum"),
        ("max_duration: 1ep", "max_duration: unknown key; give each phase of the curriculum its length"),
        ("kind: tiny", "c.yaml:1: kind: Input should be 'small' or 'large' (found 'tiny')"),
        ("pets:\n- lives: 9\n- lives: 0", "c.yaml:3: pets[1].lives:"),
        ("pets:\n- {lives: 9, tail: 1}", "c.yaml:2: pets[0].tail: unknown key"),
        ("rate: [1", "c.yaml:1: not valid YAML"),
        ("- 1", "expected a mapping at the top, found list"),
        ("", "expected a mapping at the top, found NoneType"),
        (b"\xff\xfe", "not UTF-8"),
        ("rate: \x01", "not valid YAML"),
        ("rate: !!python/object/apply:os.system [ls]", "not plain data"),
        ("rate: 2026-13-45", "not plain data"),
        ("a: &a [*a]", "more than 100,000 values"),
        ("[" * 5000, "nested too deeply"),
        (seal.sealed_text("rate: 1").replace(": 1", ": 2"), "c.yaml:1: not what was written: its seal does not fit"),
    ],
)
def test_mistakes(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load(tmp_path, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bomb_of_aliases_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 30)]
    with pytest.raises(InputError, match="more than 100,000 values"):
        load(tmp_path, "\n".join(lines))


def test_large_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="larger than"):
        load(tmp_path, b"#" * (yaml_file.MAX_BYTES + 1))
    with pytest.raises(InputError, match="cannot read the file"):
        yaml_file.load(tmp_path / "none.yaml", Config)


def test_places(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text("a: 1\nb:\n  - x: 2\n  - x: 3\n")
    data, node = yaml_file.compose(path)
    assert data == {"a": 1, "b": [{"x": 2}, {"x": 3}]}
    locs: list[tuple[tuple[Any, ...], int]] = [(("a",), 1), (("b", 1, "x"), 4), (("b", 1, "missing"), 4), ((), 1)]
    for loc, line in locs:
        assert yaml_file.place_of(node, loc) == (str(path), line)
    assert yaml_file.dotted(("b", 1, "x")) == "b[1].x"
    assert node is not None
    assert yaml_file.node_at(node, ("b", 0, "x")).value == "2"  # type: ignore[union-attr]
    assert yaml_file.node_at(node, ("b", 7)) is None


@pytest.mark.parametrize("text", ["0256", "-010", "+0_1", "08"])
def test_numbers_that_may_be_meant_in_base_8_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=rf"f\.yaml:2: a\[1\]: .*{re.escape(text)} in base 8.*; write it without the"):
        yaml_file.parse_node(f"a:\n  [1, {text}]", "f.yaml")
    assert parsed(f"['{text}', \"{text}\"]") == [text, text]


def test_values_are_those_of_yaml_1_2() -> None:
    assert parsed("[0, 0x1F, 0o17, 1_000, 08.5, 1e-3, 1E5, .5]") == [0, 31, 15, 1000, 8.5, 0.001, 1e5, 0.5]
    assert parsed("[1:30, 190:20:30.15, 00:a, yes, off, true, ~]") == [
        *("1:30", "190:20:30.15", "00:a", "yes", "off", True, None),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: {x: 1,\n y: 2,\n x: 3}", "f:3: a.x: the key stands twice (first on line 1); remove one of the two"),
        ("a: {<<: {y: 1}, x: 1,\n x: 3}", "f:2: a.x: the key stands twice (first on line 1)"),
        ("a: {<<: {y: 1},\n <<: {x: 1}}", "f:2: a.<<: the key stands twice"),
        ("a:\n- !!bool foo", "f:2: a[0]: not plain data: 'foo'"),
        ("a:\n- 2026-13-45", "f:2: a[0]: not plain data: month must be in 1..12"),
        ("a: !!omap [x: 1, x: 1]", "f:1: a: not plain data"),
        ("a: !!int ''", "f:1: a: not plain data"),
        ("a: {{x: 1}: 2}", "not plain data: found unhashable key"),
        ("a: *b", "f:1: not valid YAML: found undefined alias 'b'"),
        ("[\n", "f:2: not valid YAML"),  # the fault stands behind the last line
        ("mix: {text: rest, pairs: ${share}}", "in braces and brackets, quote it: '${name}'"),
        ("%YAML 2.0\n---\na: 1", "f:1: not valid YAML: found incompatible"),
    ],
)
def test_what_is_no_plain_data_is_named(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        yaml_file.parse_node(text, "f")
    assert said in str(caught.value)


def test_merge_keys_are_weaker_than_the_mapping_s_own() -> None:
    assert parsed("d: &d {x: 1, y: 1}\ne: {<<: [*d, {y: 2, z: 2}], x: 3}")["e"] == {"x": 3, "y": 1, "z": 2}
    node = yaml_file.parse_node("a:\n  <<: {x: 1}\n  x: 2", "f")
    assert yaml_file.place_of(node, ("a", "x")) == ("f", 3)


_PIECES = st.sampled_from(
    [
        *"[]{}:,-?&*!|>'\"%@`#~= \n\t",
        "a",
        "*a",
        "&a ",
        "<<: ",
        "- ",
        "x: ",
        "010",
        "1e3",
        "!!",
        "!!int ",
        "---\n",
        "\x00",
        "é",
    ]
)


@given(st.lists(_PIECES, max_size=30).map("".join) | st.text(max_size=40))
@settings(max_examples=400, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        node = yaml_file.parse_node(text, "f")
    except InputError:
        return
    yaml_file.construct(node)


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=9,
        ),
        max_size=4,
    )
)
@settings(deadline=None)
def test_what_is_written_is_read_again(data: dict[str, Any]) -> None:
    assert parsed(yaml_file.dump(data)) == data
    assert list(parsed(yaml_file.dump(data))) == list(data)
