"""Arguments that several commands share."""

import argparse
from pathlib import Path

import pytest

from common.errors import InputError
from curriculum.__main__ import main
from curriculum.commands.arguments import position, positive, read_schedule, settings, whole
from schemas.schedule import Schedule


def test_settings_are_yaml() -> None:
    found = settings(["share=0.2", "rate={continue: linear}", "name=a=b"])
    assert [node.value for name, node in found.items() if name != "rate"] == ["0.2", "a=b"]
    for text in ("share", "=3", "share=", "share=[1"):
        with pytest.raises(InputError):
            settings([text])


def test_a_place_in_the_run(base: Path) -> None:
    schedule = read_schedule(base)
    total = schedule.total_samples
    places = {"0": 0, "1280": 10, "10 steps": 320, "77 samples": 77, "50%": total // 2, "100%": total}
    assert {text: position(text, schedule) for text in places} == places
    for text in ("101%", "soon", f"{total + 1} samples"):
        with pytest.raises(InputError):
            position(text, schedule)


def test_a_schedule_or_a_curriculum(base: Path) -> None:
    main(["compile", str(base), "--set", "share=20%", "-o", "s.json"])
    assert read_schedule(Path("s.json")) == read_schedule(base, ["share=20%"])
    assert isinstance(read_schedule(base), Schedule)


def test_numbers() -> None:
    assert positive("2.5") == 2.5
    assert whole("8") == 8
    for parse, text in ((positive, "0"), (positive, "inf"), (whole, "0"), (whole, "1.5"), (whole, "-2")):
        with pytest.raises(argparse.ArgumentTypeError):
            parse(text)


def test_a_setting_is_given_once() -> None:
    with pytest.raises(InputError, match="--set share is given twice; give it once"):
        settings(["share=0.2", "share=0.3"])
