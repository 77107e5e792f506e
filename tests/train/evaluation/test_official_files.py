"""Tests of finding and reading official files: which file is meant, and one line for every mistake in it."""

import hashlib
from pathlib import Path

import pytest

from common.errors import InputError
from tests.helpers.official import picture, put
from train.evaluation import official_files

FILE = Path("f.json")


def test_the_file_that_fits_is_chosen(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no file fits '\*q.json'; put the task's official files here \(\*q.json\)"):
        official_files.chosen(tmp_path, "*q.json")
    first = put(tmp_path / "a_q.json", [])
    (tmp_path / "folder_q.json").mkdir()
    assert official_files.chosen(tmp_path, "*q.json") == first == official_files.chosen(first, "*other.json")
    put(tmp_path / "b_q.json", [])
    assert official_files.chosen(tmp_path, "*q.json", besides="b*") == first
    with pytest.raises(InputError, match=r"2 files fit '\*q.json' \(a_q.json, b_q.json\); name one: TASK=.*a_q.json$"):
        official_files.chosen(tmp_path, "*q.json")
    with pytest.raises(InputError, match="no such file or folder; put the task's official files here"):
        official_files.chosen(tmp_path / "none", "*q.json")


def test_the_first_usual_name_is_taken_and_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b", "c"):
        put(tmp_path / f"{name}.json", [])
    for _ in range(2):
        assert official_files.chosen(tmp_path, "*.json", ["z.json", "c.json", "a.json"]).name == "c.json"
    assert capsys.readouterr().err == f"{tmp_path}: c.json is read, a.json, b.json left alone\n"


def test_a_stamp_changes_with_every_file_that_is_read(tmp_path: Path) -> None:
    path = put(tmp_path / "questions.json", [])
    before = official_files.stamp(tmp_path)
    assert before == official_files.stamp(path)
    put(tmp_path / "Annotations/val.json", [])
    assert (second := official_files.stamp(tmp_path)) != before
    put(path, [1])
    assert official_files.stamp(tmp_path) not in (before, second)


def test_digests_by_path_below_the_folder(tmp_path: Path) -> None:
    inner, outer = put(tmp_path / "task/in.json", 1), put(tmp_path / "out.json", 2)
    found = official_files.named(tmp_path / "task", [inner, outer])
    assert found == {
        name: hashlib.sha256(text).hexdigest() for name, text in (("in.json", b"1"), ("../out.json", b"2"))
    }


def test_json_that_is_none_is_refused_by_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1,\n"b": }')
    with pytest.raises(InputError, match=r"x.json:2: not JSON: .*; download it again"):
        official_files.read_json(tmp_path / "x.json")
    with pytest.raises(InputError, match=r"cannot read the file \(No such file"):
        official_files.read_json(tmp_path / "y.json")


@pytest.mark.parametrize(
    ("data", "key"), [({}, None), ([], None), ([1], None), ({"a": []}, "a"), ([{}], "a"), (1, "a")]
)
def test_what_is_no_list_of_objects_is_refused(data: object, key: str | None) -> None:
    with pytest.raises(InputError, match="not a list of objects"):
        official_files.rows(data, FILE, key)
    assert official_files.rows([{}], FILE) == official_files.rows({"a": [{}]}, FILE, "a") == [{}]


@pytest.mark.parametrize(
    ("row", "kind", "problem"),
    [
        ([], str, "row 1 has no 'a'"),
        ({"b": "x"}, str, "row 1 has no 'a'"),
        ({"a": 1}, str, "row 1: '1' is not of type str"),
        ({"a": True}, int, "row 1: 'True' is not of type int"),
        ({"a": None}, (int, str), "row 1: 'None' is not of type int or str"),
    ],
)
def test_a_field_of_another_type_is_refused(row: object, kind: type | tuple[type, ...], problem: str) -> None:
    with pytest.raises(InputError, match=f"f.json: a: {problem}; use the official file"):
        official_files.field(row, "a", FILE, "row 1", kind)


def test_peoples_answers_are_texts_or_objects() -> None:
    assert official_files.people({"answers": ["a", {"answer": "b"}]}, FILE, "row 1") == ["a", "b"]
    for row, problem in (({}, "a split without answers"), ({"answers": []}, "row 1 has no answers")):
        with pytest.raises(InputError, match=problem):
            official_files.people(row, FILE, "row 1")


@pytest.mark.parametrize("values", [None, "1234", [1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, "4"], [1, 2, 3, float("nan")]])
def test_four_finite_numbers_make_a_box(values: object) -> None:
    with pytest.raises(InputError, match=r"bbox: row 1: .* is no box"):
        official_files.four(values, FILE, "row 1")
    assert official_files.four((1, 2, 3.5, 4), FILE, "row 1") == (1.0, 2.0, 3.5, 4.0)


def test_ids_occur_once_and_in_both_files() -> None:
    official_files.unique([1, 2], FILE)
    official_files.matched({1, 2}, {2, 1}, FILE, FILE)
    with pytest.raises(InputError, match="id 1 occurs twice"):
        official_files.unique([1, 2, 1], FILE)
    with pytest.raises(InputError, match=r"answers.json: 2 questions have no answer, 1 for one; .* belong to f.json"):
        official_files.matched({1, 2, 3}, {3}, FILE, Path("answers.json"))


def test_the_first_folder_that_has_the_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"image a.jpg is missing; put it under \. or images/"):
        official_files.image(tmp_path, "a.jpg", "", "images")
    picture(tmp_path / "images/a.jpg")
    assert official_files.image(tmp_path, "a.jpg", "", "images") == tmp_path / "images/a.jpg"
    picture(tmp_path / "a.jpg")
    assert official_files.image(tmp_path, "a.jpg", "", "images") == tmp_path / "a.jpg"
