"""Every mistake in a YAML file gets file, line, key and remedy on one line."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Discriminator, Field, Tag

from common import yaml_file
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


def test_reads_exponents_as_numbers(tmp_path: Path) -> None:
    assert load(tmp_path, "rate: 1e-3\nfrom: 3\n") == Config.model_validate({"rate": 0.001, "from": 3})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rte: 1", "c.yaml:1: rte: unknown key; did you mean 'rate'?"),
        ("rate: 1\nfrm: 1", "c.yaml:2: frm: unknown key; did you mean 'from'?"),
        ("rate: fast", "c.yaml:1: rate: Input should be a valid number"),
        ("rate: 1\nrate: 2", "c.yaml:2: rate: the key stands twice (first on line 1)"),
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
        assert yaml_file.line_of(node, loc) == line
        assert yaml_file.place_of(node, loc) == (str(path), line)
    assert yaml_file.dotted(("b", 1, "x")) == "b[1].x"
    assert node is not None
    assert yaml_file.node_at(node, ("b", 0, "x")).value == "2"  # type: ignore[union-attr]
    assert yaml_file.node_at(node, ("b", 7)) is None


@pytest.mark.parametrize(("text", "base"), [("0256", 8), ("-010", 8), ("1:30", 60), ("190:20:30.15", 60)])
def test_numbers_in_other_bases_are_refused(text: str, base: int) -> None:
    with pytest.raises(InputError, match=rf"f\.yaml:2: a\[1\]: YAML reads {text} as a number in base {base}; "):
        yaml_file.parse_node(f"a:\n  [1, {text}]", "f.yaml")
    assert yaml_file.construct(yaml_file.parse_node(f"['{text}', 0, 0x1F, 0.5, 00:a]", "f")) == [
        text,
        0,
        31,
        0.5,
        "00:a",
    ]
