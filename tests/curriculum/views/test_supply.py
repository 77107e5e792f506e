"""Passes, where they end, what shares come to, and what it costs."""

from pathlib import Path

import pytest

from curriculum.commands.arguments import read_schedule
from curriculum.views.supply import UNITS, cost, pass_end, realised, uses


def test_a_pass_is_complete_at_its_end_and_not_before(base: Path) -> None:
    schedule = read_schedule(base, ["epochs=3"])
    by_name = {use.source.name: use for use in uses(schedule)}
    chat = by_name["chat"]
    assert chat.drawn == schedule.counts(schedule.total_samples)["chat"]
    assert chat.passes == chat.drawn / 333
    assert chat.pass_ends == [pass_end(schedule, chat.source, 1), pass_end(schedule, chat.source, 2)]
    for number, end in enumerate(chat.pass_ends, 1):
        assert schedule.counts(end)["chat"] == number * 333
        assert schedule.counts(end - 1)["chat"] == number * 333 - 1
    assert by_name["text"].pass_ends == []


def test_shares_in_every_unit_sum_to_one(base: Path) -> None:
    schedule = read_schedule(base)
    mixed = schedule.phases[1]
    shares = realised(schedule, mixed.start, mixed.stop)
    assert list(shares) == list(UNITS)
    for by_source in shares.values():
        assert sum(by_source.values()) == pytest.approx(1)
    assert shares["samples"]["pairs"] == pytest.approx(0.15)
    assert shares["visual tokens"] == {"text": 0, "pairs": 1, "chat": 0}
    assert shares["tokens without padding"]["pairs"] == pytest.approx(0.15 * 0.75 / (0.85 + 0.15 * 0.75))
    assert "visual tokens" not in realised(schedule, 0, mixed.start)


def test_cost() -> None:
    spent = cost(3600 * 1000 * 8, tokens_per_second=1000, gpus=4, price=2.5)
    assert (spent.gpu_hours, spent.hours, spent.price) == (8, 2, 20)
    assert cost(10, 1, 1, None).price is None
