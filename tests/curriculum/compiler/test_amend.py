"""A new future keeps the past, sample by sample and rate by rate."""

from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from curriculum.__main__ import main
from curriculum.compiler.amend import amend
from curriculum.compiler.compile_curriculum import Compiled, compile_curriculum
from curriculum.language.template import Template, setting
from schemas.schedule import Schedule
from tests.curriculum.conftest import WriteDataset


def compiled(base: Path, **settings: str) -> Compiled:
    return compile_curriculum(Template.read(base).fill({k: setting(k, v) for k, v in settings.items()}))


def same_past(joined: Schedule, running: Schedule, position: int) -> None:
    assert joined.prefix_hash(position) == running.prefix_hash(position)
    for mine, its in zip(joined.samples(0, position), running.samples(0, position), strict=True):
        assert np.array_equal(mine, its)
    assert [joined.lr(p) for p in range(0, position, 32)] == [running.lr(p) for p in range(0, position, 32)]


@pytest.mark.parametrize("position", [1, 320, 4000, 8000, 9000, 9999, 10_000, 10_100])
def test_past_and_future(base: Path, position: int) -> None:
    running = compiled(base).schedule
    future = compiled(base, share="30%", rate="{continue: cosine, floor: 1e-5}")
    joined = amend(running, future, position)
    same_past(joined, running, position)
    assert joined.total_samples == future.schedule.total_samples
    later = range(position, joined.total_samples, 32)
    assert [joined.lr(p) for p in later] == [future.schedule.lr(p) for p in later]
    for phase in joined.phases:
        if phase.start >= position:
            assert phase.shares == future.schedule.phase(phase.start).shares


def test_another_past_does_not_matter(base: Path) -> None:
    """The new curriculum may say anything of the past: it is the trained one that counts."""
    running = compiled(base).schedule
    joined = amend(running, compiled(base, switch="40%"), 6000)
    same_past(joined, running, 6000)
    assert joined.phases[1].shares[1] == 0 or joined.phases[1].start == 6000


def test_nothing_changed_is_the_same_run(base: Path) -> None:
    running = compiled(base)
    assert amend(running.schedule, running, 9000).hash == running.schedule.hash


def test_a_ramp_goes_on(base: Path) -> None:
    text = base.read_text().replace(
        'mix: {text: rest, pairs: "${share}"}', "mix: {from: {text: 1}, to: {text: 0.5, pairs: 0.5}}"
    )
    base.write_text(text)
    running = compiled(base)
    future = compiled(base, epochs="3")
    joined = amend(running.schedule, future, 9000)
    same_past(joined, running.schedule, 10_000)
    assert len(joined.phases) == 3
    base.write_text(text.replace("to: {text: 0.5, pairs: 0.5}", "to: {text: 0.4, pairs: 0.6}"))
    with pytest.raises(InputError, match="inside the ramp"):
        amend(running.schedule, compiled(base), 9000)
    same_past(amend(running.schedule, compiled(base), 8000), running.schedule, 8000)


def test_a_ramp_may_be_left(base: Path) -> None:
    text = base.read_text()
    base.write_text(
        text.replace('mix: {text: rest, pairs: "${share}"}', "mix: {from: {text: 1}, to: {text: 0.5, pairs: 0.5}}")
    )
    running = compiled(base).schedule
    base.write_text(text)
    same_past(amend(running, compiled(base), 9000), running, 9000)


def test_what_cannot_be_joined(base: Path) -> None:
    running = compiled(base).schedule
    for settings, position, said in (
        ({"seed": "8"}, 9000, "another seed"),
        ({}, 0, "no past or no future"),
        ({}, 10**6, "no past or no future"),
        ({"epochs": "8", "switch": "90%"}, 10_300, "past and future together draw"),
    ):
        with pytest.raises(InputError, match=said):
            amend(running, compiled(base, **settings), position)


def test_the_command(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["compile", str(base), "-o", "s.json"])
    assert main(["amend", "s.json", str(base), "--set", "share=30%", "--at", "275 steps", "-o", "t.json"]) == 0
    said = capsys.readouterr().out
    assert "the past before sample 8,800 is equal" in said
    assert "the runs part at sample 8,800" in said
    same_past(Schedule.load("t.json"), Schedule.load("s.json"), 8800)
    assert main(["amend", "s.json", str(base), "--at", "9T", "-o", "t.json"]) == 2
    assert main(["amend", "s.json", str(base), "--at", "soon", "-o", "t.json"]) == 2


def test_images_of_another_geometry(base: Path, dataset: WriteDataset) -> None:
    running = compiled(base).schedule
    dataset("other", "pairs", 2000, geometry={"size": 32, "patch": 8, "tokens": 16})
    text = (
        base.read_text().replace("pairs: {path: pairs", "others: {path: other").replace("rest, pairs:", "rest, others:")
    )
    base.write_text(text.replace("chat: {path: chat", "chat: {path: text"))
    with pytest.raises(InputError, match="images have another geometry; pack the new data"):
        amend(running, compiled(base), 6000)


def test_what_does_not_fit_is_named_in_the_file(base: Path, dataset: WriteDataset) -> None:
    running = compiled(base).schedule
    with pytest.raises(InputError, match=r"base\.yaml:2: seed: the new curriculum has another seed"):
        amend(running, compiled(base, seed="8"), 9000)
    dataset("chat", "conversations", 300)
    with pytest.raises(InputError, match=r"base\.yaml:8: sources\.chat\.path: source 'chat' is another dataset"):
        amend(running, compiled(base), 9000)
