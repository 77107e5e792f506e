"""Which schedules may go on from a position, and what is said of those that differ."""

import logging

import pytest

from common.errors import InputError
from tests.helpers import synthetic
from train.checkpoint.history_check import check_past


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


def test_the_first_position_that_differs_is_named(root):
    earlier, now = synthetic.schedule(root), synthetic.schedule(root, pairs_share=200_000_000)
    first = next(p for p in range(120) if earlier.sample(p) != now.sample(p))
    with pytest.raises(InputError) as caught:
        check_past(now, 80, earlier.prefix_hash(80), earlier)
    message = str(caught.value)
    assert message.startswith("schedule: the schedule's past, before sample 80, is not the one")
    assert f"the first position that differs is sample {first}, " in message
    assert "in phase 'mixed' text 70 %, pairs 30 % then" in message
    assert "in phase 'mixed' text 80 %, pairs 20 % now" in message
    assert "branch from an earlier checkpoint" in message


def test_a_changed_learning_rate_is_named_too(root):
    earlier = synthetic.schedule(root)
    pieces = [earlier.learning_rate[0].model_copy(update={"last": 4e-3}), *earlier.learning_rate[1:]]
    now = earlier.model_copy(update={"learning_rate": pieces})
    with pytest.raises(InputError, match=r"differs is sample 8, learning rate 0.00155 then, learning rate 0.00205 now"):
        check_past(now, 80, earlier.prefix_hash(80), earlier)


def test_a_changed_future_is_logged(root, caplog):
    earlier, now = synthetic.schedule(root), synthetic.schedule(root, pairs_share=200_000_000)
    with caplog.at_level(logging.WARNING):
        check_past(earlier, 48, earlier.prefix_hash(48), earlier)
        check_past(now, 48, earlier.prefix_hash(48), earlier, branch=True)
        assert not caplog.messages
        check_past(now, 48, earlier.prefix_hash(48), earlier)
    assert "future has changed: the first position that differs is sample 49, 'pairs' #22" in caplog.text


def test_without_the_earlier_schedule_the_hash_alone_decides(root):
    earlier, now = synthetic.schedule(root), synthetic.schedule(root, seed=8)
    check_past(earlier, 80, earlier.prefix_hash(80))
    with pytest.raises(InputError, match="past, before sample 8, is not the one that this checkpoint was trained on;"):
        check_past(now, 8, earlier.prefix_hash(8))
    with pytest.raises(InputError, match="ends at sample 120, the checkpoint stands at 128"):
        check_past(earlier, 128, "any")
