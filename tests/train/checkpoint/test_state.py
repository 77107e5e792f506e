"""Tests of `state.json`: what it says is read again, and whether its image side may be replaced."""

import json
from pathlib import Path

import pytest

from common import seal
from common.errors import InputError
from schemas.conversation_format import VERSION_1
from schemas.schedule import Schedule
from tests.helpers.checkpoints import FUSED, TURNS, copied_to
from train.checkpoint import state
from train.config.encoder_config import EncoderConfig
from train.config.run_config import RunConfig


@pytest.fixture
def path(saved_out: Path) -> Path:
    return saved_out / "checkpoints" / f"{8:015d}"


def with_encoder(run: RunConfig, **encoder: object) -> RunConfig:
    changed = run.model.model_copy(update={"encoder": EncoderConfig.model_validate(encoder)})
    return run.model_copy(update={"model": changed})


def test_composers_clock_stands_at_the_checkpoint(path: Path, saved_schedule: Schedule) -> None:
    saved = state.read(copied_to(path, 48, saved_schedule, step=6, tokens=1234))
    time = saved.timestamp
    assert (int(time.sample), int(time.batch), int(time.token)) == (48, 6, 1234)
    assert (int(time.sample_in_epoch), int(time.batch_in_epoch), int(time.token_in_epoch)) == (48, 6, 1234)
    assert int(time.epoch) == 0


def test_conversations_are_of_version_1_unless_it_says_otherwise(path: Path, saved_schedule: Schedule) -> None:
    assert state.read(path).conversation_format == VERSION_1
    assert state.read(copied_to(path, 16, saved_schedule, conversation=TURNS)).conversation_format == TURNS


def test_an_image_side_that_learnt_nothing_may_be_replaced(path: Path, saved_schedule: Schedule) -> None:
    young, old = (state.read(copied_to(path, position, saved_schedule)) for position in (48, 88))
    assert not young.decoder_only(young.run, saved_schedule)
    frozen = young.run.model.encoder.model_dump() | {"frozen": True}
    assert not old.decoder_only(with_encoder(old.run, **frozen), saved_schedule), "whether it is trained does not count"
    other = with_encoder(young.run, **FUSED)
    assert young.decoder_only(other, saved_schedule)
    assert young.decoder_only(young.run, saved_schedule.model_copy(update={"geometry": None}))
    seen = saved_schedule.counts(88)["pairs"]
    with pytest.raises(InputError, match=f"model.encoder: .* another image encoder, on {seen} samples with images"):
        old.decoder_only(other, saved_schedule)


def test_the_schedule_is_the_one_it_carries(path: Path, saved_schedule: Schedule) -> None:
    found = state.schedule_of(path)
    assert found is not None
    assert found.hash == saved_schedule.hash
    (path / "schedule.json").unlink()
    assert state.schedule_of(path) is None, "as in checkpoints of older runs"


def test_what_is_missing_or_no_state_is_refused(path: Path) -> None:
    said = json.loads((path / "state.json").read_text())
    (path / "state.json").write_text(seal.sealed(json.dumps({**said, "position": "far"})))
    with pytest.raises(InputError, match=r"not a checkpoint of this trainer \(1 validation error for Saved position"):
        state.read(path)
    (path / "state.json").unlink()
    with pytest.raises(InputError, match=r"not a checkpoint of this trainer .*give a directory with state\.json"):
        state.read(path)
