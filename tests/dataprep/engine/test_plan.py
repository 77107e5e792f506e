"""A plan names what decides the bytes: equal plans go on, another is refused by what differs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from dataprep.engine.paths import PLAN_NAME, STAGING
from dataprep.engine.plan import Plan, begin, difference, read
from dataprep.storage import files
from schemas.manifest import MANIFEST_NAME, InputFile

digests = st.sampled_from(["a", "b"])
inputs = st.lists(st.tuples(st.sampled_from([f"{n}.tar" for n in range(9)]), digests), unique_by=lambda one: one[0])
plans = st.builds(
    lambda listed, config, seed: Plan(
        kind="pairs",
        inputs=[InputFile(path=path, bytes=1, digest=digest) for path, digest in listed],
        config=config,
        seed=seed,
        output_version=1,
        packages={"pillow": "11.3.0"},
    ),
    inputs,
    st.dictionaries(st.sampled_from(["seq_len", "decode"]), st.one_of(st.integers(0, 2), st.none(), st.booleans())),
    st.integers(0, 1),
)


def plan(**more: Any) -> Plan:
    made_by = {"output_version": 1, "packages": {"pillow": "11.3.0"}}
    return Plan.model_validate({"kind": "text", "inputs": [], "config": {"seq_len": 8}, **made_by, **more})


def schema_1(**more: Any) -> dict[str, Any]:
    """A plan file as release 0.1.0 wrote it."""
    return {
        "kind": "text",
        "inputs": [],
        "config": {"seq_len": 8},
        "tokenizer": None,
        "seed": 0,
        "code": "0.1.0+2f18a402da74",
        **more,
    }


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    """A dataset's folder with a receipt and no plan yet."""
    (tmp_path / "out" / STAGING).mkdir(parents=True)
    (tmp_path / "out" / STAGING / "receipt.json").write_text("{}")
    return tmp_path / "out"


def put(out: Path, written: dict[str, Any]) -> None:
    (out / STAGING / PLAN_NAME).write_text(json.dumps(written))


def finish(out: Path) -> None:
    (out / MANIFEST_NAME).write_text("{}")


@given(plans, plans)
def test_plans_that_differ_say_how(one: Plan, other: Plan) -> None:
    assert difference(one, one) == []
    said = difference(one, other)
    assert bool(said) == (one.hash != other.hash), "another hash is explained, and nothing else is"
    assert len(said) <= 3 * 6 + 4, "no list of a thousand files"


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ({"decode": 0}, {"decode": False}, "config.decode: 0 -> False"),
        ({"decode": 1}, {"decode": 1.0}, "config.decode: 1 -> 1.0"),
        ({"decode": None}, {}, "config.decode: None -> absent"),
        ({}, {"images": {"decode": None}}, "config.images: absent -> {'decode': None}"),
    ],
)
def test_values_that_python_calls_equal_are_told_apart(was: dict[str, Any], now: dict[str, Any], said: str) -> None:
    assert difference(plan(config=was), plan(config=now)) == [said]


def test_the_difference_names_files_and_settings() -> None:
    listed = [InputFile(path=f"{n}.tar", bytes=1, digest="a") for n in range(9)]
    before = plan(inputs=listed[:2], config={"images": {"max_bytes": 1}})
    changed = [InputFile(path="1.tar", bytes=1, digest="b"), *listed[2:]]
    said = difference(before, plan(inputs=changed, config={"images": {"max_bytes": 2}}, seed=3))
    assert said == [
        "input 0.tar: removed",
        *(f"input {n}.tar: added" for n in range(2, 7)),
        "and 2 more",
        "input 1.tar: content changed",
        "config.images.max_bytes: 1 -> 2",
        "seed: 0 -> 3",
    ]
    assert difference(plan(inputs=listed), plan(inputs=listed[::-1])) == ["inputs: order changed"]


def test_a_folder_belongs_to_the_plan_that_began_it(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    assert begin(out, plan(), write=False) == "new"
    assert not (tmp_path / "out").exists()
    assert begin(out, plan()) == "new"
    assert begin(out, plan(seed=1)) == "new", "nothing was done yet: a mistake may be mended"
    (tmp_path / "out" / STAGING / "receipt.json").write_text("{}")
    assert begin(out, plan(seed=1)) == "resumed"
    with pytest.raises(InputError, match=r"begun with a different plan: seed: 1 -> 2; use another `out`"):
        begin(out, plan(seed=2))
    (tmp_path / "out" / MANIFEST_NAME).write_text("{}")
    assert begin(out, plan(seed=1)) == "finished"
    files.publish_bytes(b"{}", files.join(out, STAGING, PLAN_NAME))
    with pytest.raises(InputError, match=r"plan.json: damaged plan"):
        begin(out, plan(seed=1))


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="not empty and holds no plan"):
        begin(str(tmp_path), plan())
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("made_by", "said"),
    [
        (
            {"packages": {"pillow": "11.2.1"}},
            "packages.pillow: '11.2.1' -> '11.3.0'; install those versions to finish it, use another `out`",
        ),
        ({"packages": {}}, "packages.pillow: absent -> '11.3.0'; install those versions to finish it"),
        ({"output_version": 2}, "output_version: 2 -> 1; finish it with the release that began it, use another `out`"),
    ],
)
def test_other_makers_of_the_bytes_stop_a_begun_dataset_and_leave_a_finished_one(
    begun: Path, made_by: dict[str, Any], said: str
) -> None:
    earlier = plan(**made_by)
    put(begun, earlier.model_dump(mode="json"))
    assert begin(str(begun), earlier) == "resumed"
    with pytest.raises(InputError, match=f"begun with a different plan: {re.escape(said)}"):
        begin(str(begun), plan())
    finish(begun)
    assert begin(str(begun), plan()) == "finished"
    with pytest.raises(InputError, match=r"different plan: seed: 0 -> 1; use another `out`, or remove this one$"):
        begin(str(begun), plan(seed=1))


def test_a_plan_of_schema_1_stops_a_begun_dataset_and_leaves_a_finished_one(begun: Path) -> None:
    put(begun, schema_1())
    with pytest.raises(InputError) as refused:
        begin(str(begun), plan())
    assert str(refused.value) == (
        f"{begun}: it was begun with a different plan: output_version: absent -> 1; "
        "finish it with the release that began it, use another `out`, or remove this one"
    )
    finish(begun)
    assert begin(str(begun), plan()) == "finished"
    with pytest.raises(InputError, match=r"different plan: config\.seq_len: 8 -> 9; use another `out`"):
        begin(str(begun), plan(config={"seq_len": 9}))
    assert json.loads((begun / STAGING / PLAN_NAME).read_text()) == schema_1(), "it is read, not written anew"


def test_a_plan_of_schema_1_without_any_work_is_replaced(begun: Path) -> None:
    put(begun, schema_1())
    (begun / STAGING / "receipt.json").unlink()
    assert begin(str(begun), plan()) == "new"
    assert read(str(begun / STAGING / PLAN_NAME)) == plan()


@pytest.mark.parametrize("written", [schema_1(code=None), schema_1(version=1, codes=1), {**schema_1(), "version": 2}])
def test_a_plan_of_neither_schema_is_damaged(begun: Path, written: dict[str, Any]) -> None:
    put(begun, written)
    with pytest.raises(InputError, match=r"plan\.json: damaged plan"):
        begin(str(begun), plan())


def test_a_plan_of_a_later_schema_is_told_from_a_damaged_one(begun: Path) -> None:
    put(begun, {**plan().model_dump(mode="json"), "version": 3, "hopes": []})
    with pytest.raises(
        InputError, match=r"version: plan of schema 3; this release reads 1 and 2; use the release that wrote"
    ):
        begin(str(begun), plan())


def test_work_that_a_caller_calls_unfinished_is_not_finished_by_its_manifest(begun: Path) -> None:
    put(begun, plan(packages={}).model_dump(mode="json"))
    finish(begun)
    with pytest.raises(InputError, match=r"packages\.pillow: absent"):
        begin(str(begun), plan(), finished=False)
    assert begin(str(begun), plan(), finished=True) == "finished"
