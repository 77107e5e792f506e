"""Official files with any one value replaced or lost: they are read, or refused by a line that names the file."""

import copy
import json
import pickle
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from common.plain_pickle import load
from tests.helpers import official
from train.evaluation.tasks import TASKS

LOST = ...
JUNK = [
    LOST,
    None,
    True,
    0,
    -1,
    7,
    1.5,
    float("nan"),
    1e999,
    "",
    "x",
    "../x",
    "[1, 2]",
    [],
    [1],
    ["x"],
    {},
    {"answer": 1},
]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    held = official.world(tmp_path_factory.mktemp("world"))
    official.vizwiz(held / "vizwiz")
    official.textvqa(held / "textvqa")
    official.ocid_ref(held / "ocid_ref")
    for name in ("refcoco+", "refcocog"):
        shutil.copytree(held / "refcoco", held / name)
    return held


def read(path: Path):
    if path.suffix == ".p":
        return load(path)
    text = path.read_text()
    return [json.loads(line) for line in text.splitlines()] if "pope" in path.name else json.loads(text)


def write(path: Path, data) -> None:
    if path.suffix == ".p":
        path.write_bytes(pickle.dumps(data))
    elif "pope" in path.name:
        path.write_text("".join(json.dumps(row) + "\n" for row in data) if isinstance(data, list) else json.dumps(data))
    else:
        path.write_text(json.dumps(data))


def damaged(data, choose, junk):
    """`data` with one value, at a place that `choose` finds on the way down, replaced by `junk`."""
    if not isinstance(data, dict | list) or not data or choose(5) == 0:
        return copy.deepcopy(junk)
    keys = list(data) if isinstance(data, dict) else list(range(len(data)))
    key = keys[choose(len(keys) - 1)]
    found = data.copy()
    inner = damaged(data[key], choose, junk)
    if inner is LOST:
        del found[key]
    else:
        found[key] = inner
    return found


@pytest.mark.parametrize("name", [*TASKS])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_one_value_is_wrong(world, name, drawn):
    task, folder = TASKS[name], world if name == "questions" else world / name
    files = task.load(folder)[1]
    path = drawn.draw(st.sampled_from(files))
    whole = path.read_bytes()
    junk = drawn.draw(st.sampled_from(JUNK))
    try:
        found = damaged(read(path), lambda most: drawn.draw(st.integers(0, most)), junk)
        write(path, [] if found is LOST else found)
        items, _ = task.load(folder)
        said = ["[0.1, 0.1, 0.5, 0.5]" if "IoU" in task.metric else "two"] * len(items)
        assert items
        assert all(0 <= task.score(item, one) <= 1 for item, one in zip(items, said, strict=True))
        assert all(isinstance(item.question, str) for item in items)
        task.metrics(items, said)
        json.dumps([item.target for item in items])
    except InputError as error:
        assert str(world) in str(error)  # noqa: PT017 - either it is read, or it is refused
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", [*TASKS])
def test_no_files_at_all_and_empty_ones(world, tmp_path, name):
    task = TASKS[name]
    with pytest.raises(InputError):
        task.load(tmp_path)
    for file in task.load(world if name == "questions" else world / name)[1]:
        for content in (b"", b"\xff\xfe"):
            (tmp_path / file.name).write_bytes(content)
            with pytest.raises(InputError):
                task.load(tmp_path)
