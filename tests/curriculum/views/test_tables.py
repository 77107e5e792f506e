"""Tables that fit a terminal and say what is so."""

from pathlib import Path

import pytest

from common.text_table import amount, percent, table
from curriculum.commands.arguments import read_schedule
from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.language.template import Template
from curriculum.views.tables import mix, phase_table, report, source_table
from schemas.phases import Phase
from schemas.schedule import Schedule


@pytest.mark.parametrize(
    ("value", "text"), [(999, "999"), (1000, "1 K"), (27_999_000_000, "28 B"), (4.3e12, "4.3 T"), (0, "0")]
)
def test_amounts(value: float, text: str) -> None:
    assert amount(value) == text


def test_shares_have_the_digits_they_need() -> None:
    assert [percent(share) for share in (0.01, 0.0025, 1 / 3, 1)] == ["1 %", "0.25 %", "33.3333 %", "100 %"]


def test_columns_are_aligned() -> None:
    text = table([("name", "n"), ("a", "1"), ("bcdef", "1,000")], right=(1,))
    assert text.splitlines() == ["name       n", "-----  -----", "a          1", "bcdef  1,000"]


def test_the_report_is_the_schedule_s(base: Path) -> None:
    compiled = compile_curriculum(Template.read(base).fill())
    schedule, text = compiled.schedule, report(compiled)
    assert f"schedule {schedule.hash}" in text
    assert "within 0.5 samples of its exact share" in text
    assert all(note in text for note in compiled.notes)
    for phase, row in zip(schedule.phases, phase_table(schedule).splitlines()[2:], strict=True):
        assert row.split()[0] == phase.name
        assert f"{phase.stop:,}" in row
        assert mix(schedule, phase) in row
    assert [row.split()[1] for row in source_table(schedule).splitlines()[2:]] == ["9,700", "300", "656"]


def test_ramps_show_both_ends_and_many_sources_their_largest(base: Path) -> None:
    schedule = read_schedule(base)
    ramp = Phase(name="r", start=0, stop=5, shares=[10**9, 0, 0], shares_to=[0, 10**9, 0], ramp="cosine", ramp_over=9)
    assert mix(schedule, ramp) == "text 100 % -> pairs 100 % (cosine, left early)"
    one = schedule.sources[0]
    many = [one.model_copy(update={"name": f"s{i}"}) for i in range(10)]
    shares = [10**7 * (i + 1) for i in range(9)] + [550_000_000]
    wide: Schedule = schedule.model_copy(update={"sources": many})
    text = mix(wide, Phase(name="w", start=0, stop=5, shares=shares))
    assert text == "s9 55 %, s8 9 %, s7 8 %, s6 7 %, s5 6 %, 5 more"
