"""Tests of what the scoring arguments come to: places, presets that are spread out, and what overrides them."""

import argparse
from pathlib import Path

import pytest

from common.errors import InputError
from schemas.score_preset import PAPER
from train.commands.scoring_arguments import ScoringChoice, add_scoring_arguments, pair, parts, scoring_choice


def chosen(*argv: str) -> ScoringChoice:
    parser = argparse.ArgumentParser()
    add_scoring_arguments(parser, "--tasks")
    return scoring_choice(parser.parse_args(argv))


def test_tasks_have_their_folders_below_data_unless_a_place_is_named() -> None:
    found = chosen("--tasks", "gqa", "pope=other/pope.json", "--data", "eval", "--loss", "text=held=out")
    assert found.tasks == (("gqa", Path("eval/gqa")), ("pope", Path("other/pope.json")))
    assert found.losses == (("text", Path("held=out")),)
    assert (found.by, found.rule, found.only, found.preset) == ("generation", "official", {}, None)


def test_a_preset_is_all_that_the_paper_averages_and_arguments_go_before_it() -> None:
    found = chosen("--preset", "paper", "--tasks", "gqa=x.json", "--only", "refcoco=testA,testB", "gqa=query")
    assert dict(found.tasks) == {name: Path(name) for name in PAPER.vision_tasks} | {"gqa": Path("x.json")}
    assert (found.rule, found.by, found.text) == (PAPER.rule, PAPER.by, PAPER.text_tasks)
    assert found.only == {**PAPER.only, "refcoco": ("testA", "testB"), "gqa": ("query",)}
    changed = chosen("--preset", "paper", "--rule", "official", "--by", "generation")
    assert (changed.rule, changed.by) == ("official", "generation")


def test_the_name_of_a_preset_stands_for_its_tasks_alone() -> None:
    found = chosen("--tasks", "paper", "--text", "paper", PAPER.text_tasks[0])
    assert [name for name, _ in found.tasks] == list(PAPER.vision_tasks)
    assert found.text == PAPER.text_tasks, "each once"
    assert (found.preset, found.rule, found.only) == (None, "official", {})


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--preset", "papers"], "no preset 'papers'"),
        (["--only", "refcoco"], "--only: refcoco is not TASK=PART; write --only refcoco=val"),
        (["--only", "refcoco="], "--only: refcoco= is not TASK=PART"),
        (["--loss", "data/held-out"], "--loss: data/held-out is not NAME=DATASET; write --loss text=data/held-out"),
        (["--text", "hellaswag:many"], "hellaswag:many"),
    ],
)
def test_arguments_that_say_nothing_are_refused(argv: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        chosen(*argv)


def test_pairs_and_parts() -> None:
    assert pair("gqa", Path("data")) == ("gqa", Path("data/gqa"))
    assert parts(["a=1,2", "b=3", "a=4"]) == {"a": ("4",), "b": ("3",)}, "the last one counts"
