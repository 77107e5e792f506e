"""A plan names what decides the bytes: equal plans go on, another is refused by what differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep import files
from dataprep.plan import PLAN_NAME, STAGING, Plan, begin, code_version, difference
from schemas.errors import InputError
from schemas.manifest import MANIFEST_NAME, InputFile

digests = st.sampled_from(["a", "b"])
inputs = st.lists(st.tuples(st.sampled_from([f"{n}.tar" for n in range(9)]), digests), unique_by=lambda one: one[0])
plans = st.builds(
    lambda listed, config, seed: Plan(
        kind="pairs",
        inputs=[InputFile(path=path, bytes=1, digest=digest) for path, digest in listed],
        config=config,
        seed=seed,
        code="1",
    ),
    inputs,
    st.dictionaries(st.sampled_from(["seq_len", "decode"]), st.one_of(st.integers(0, 2), st.none(), st.booleans())),
    st.integers(0, 1),
)


def plan(**more: Any) -> Plan:
    return Plan.model_validate({"kind": "text", "inputs": [], "config": {"seq_len": 8}, "code": "1", **more})


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


def test_the_codes_version_follows_the_packages_that_make_the_bytes() -> None:
    assert code_version("dataprep.text") == code_version("dataprep.text") != code_version("dataprep.pairs")
