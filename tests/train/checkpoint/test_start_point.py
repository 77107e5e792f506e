"""Tests of where a run goes on: its own newest checkpoint before any other's, of which the newest that it shares."""

import shutil
from pathlib import Path

import pytest

from common.errors import InputError
from schemas.schedule import Schedule
from tests.helpers import checkpoints
from tests.helpers.checkpoints import copied_to
from train.checkpoint import identity, state
from train.checkpoint.digests import DamagedError
from train.checkpoint.start_point import TRUNK, drop_trunk, starting_point
from train.config.run_config import RunConfig

LENGTHS = (48, 40, 48)
"""A longer last phase than the trunk's: the past up to its second switch is the same."""


def config(out: Path, saved: Path, **changes: object) -> RunConfig:
    """The run of the checkpoints in `saved`, at another place."""
    run = state.read(saved / "checkpoints" / f"{8:015d}").run
    return RunConfig.model_validate({**run.model_dump(), "out": out, **changes})


def planned(folder: Path, saved_schedule: Schedule, **changes: object) -> Schedule:
    """The trunk's schedule, otherwise from where the changes say."""
    made = checkpoints.synthetic.schedule(folder, **changes)  # type: ignore[arg-type]
    return made.model_copy(update={"tokenizer": saved_schedule.tokenizer, "conversation": saved_schedule.conversation})


@pytest.fixture
def trunk(saved_out: Path, saved_schedule: Schedule) -> Path:
    """The output directory of a run with checkpoints at 8, at both switches, and at the end."""
    for position in (48, 88, 120):
        copied_to(saved_out / "checkpoints" / f"{8:015d}", position, saved_schedule)
    return saved_out


def test_a_new_run_starts_at_its_beginning(trunk: Path, saved_schedule: Schedule, tmp_path: Path) -> None:
    assert starting_point(config(tmp_path / "new", trunk), saved_schedule) is None


def test_its_own_newest_comes_before_the_one_to_branch_from(
    trunk: Path, saved_schedule: Schedule, tmp_path: Path
) -> None:
    own = Path(shutil.copytree(trunk, tmp_path / "own"))
    shutil.rmtree(own / "checkpoints" / f"{120:015d}")
    found = starting_point(config(own, trunk, branch_from=str(trunk)), saved_schedule)
    assert found is not None
    assert (found[0], found[1].position) == (own / "checkpoints" / f"{88:015d}", 88)


def test_a_branch_leaves_at_the_newest_checkpoint_that_it_shares(
    trunk: Path, saved_schedule: Schedule, one_saved: Path, tmp_path: Path
) -> None:
    """A longer last phase draws its learning rate otherwise; another mix from 48 on shares the text phase alone."""
    branch = config(tmp_path / "branch", trunk, branch_from=str(trunk))

    def leaves_at(**changes: object) -> int:
        found = starting_point(branch, planned(one_saved, saved_schedule, **changes))
        assert found is not None
        return int(found[0].name)

    assert leaves_at(lengths=LENGTHS) == 88
    assert leaves_at(pairs_share=200_000_000) == 48
    shutil.rmtree(trunk / "checkpoints" / f"{8:015d}")
    with pytest.raises(
        InputError, match="branch_from: no checkpoint here shares its past with the schedule; branch at"
    ):
        leaves_at(lengths=(40, 48, 64))


def test_a_single_checkpoint_is_taken_as_it_is_and_has_to_fit(
    trunk: Path, saved_schedule: Schedule, one_saved: Path, tmp_path: Path
) -> None:
    named = trunk / "checkpoints" / f"{48:015d}"
    branch = config(tmp_path / "branch", trunk, branch_from=str(named))
    found = starting_point(branch, saved_schedule)
    assert found is not None
    assert found[0] == named
    with pytest.raises(InputError, match="past, before sample 48"):
        starting_point(branch, planned(one_saved, saved_schedule, lengths=(40, 48, 64)))
    with pytest.raises(InputError, match="branch_from: no checkpoint here; give a run's `out` or"):
        starting_point(config(tmp_path / "branch", trunk, branch_from=str(tmp_path / "none")), saved_schedule)


def test_a_changed_past_is_refused(trunk: Path, saved_schedule: Schedule, one_saved: Path) -> None:
    with pytest.raises(InputError, match="past, before sample 120"):
        starting_point(config(trunk, trunk), planned(one_saved, saved_schedule, lengths=(40, 48, 64)))


def test_a_checkpoint_under_another_name_is_damaged(trunk: Path, saved_schedule: Schedule) -> None:
    (trunk / "checkpoints" / f"{120:015d}").rename(trunk / "checkpoints" / f"{128:015d}")
    with pytest.raises(DamagedError, match="it holds position 120, which is not its name's"):
        starting_point(config(trunk, trunk), saved_schedule)


def test_another_runs_checkpoint_is_never_set_aside(
    trunk: Path, saved_schedule: Schedule, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`go_back` is about the run's own: of another run's, the user has to name an earlier one."""
    damaged = trunk / "checkpoints" / f"{120:015d}"
    (damaged / "model.safetensors").write_bytes(b"")
    for place in (trunk, damaged):
        branch = config(tmp_path / "b", trunk, branch_from=str(place), checkpoint={"damaged": "go_back"})
        with pytest.raises(DamagedError, match=r"model.safetensors is not the file that was saved"):
            starting_point(branch, saved_schedule)
    assert damaged.is_dir()
    found = starting_point(config(trunk, trunk, checkpoint={"damaged": "go_back"}), saved_schedule)
    assert found is not None
    assert found[1].position == 88
    assert f"{damaged}): going back to the one before it" in capsys.readouterr().err
    assert damaged.with_name(f"{damaged.name}.damaged").is_dir()


def test_a_run_that_lost_its_identity_takes_its_checkpoints(trunk: Path, saved_schedule: Schedule) -> None:
    run, before = config(trunk, trunk), identity.own(trunk)
    (trunk / "run.json").unlink()
    assert starting_point(run, saved_schedule) is not None
    assert identity.own(trunk) == before is not None
    identity.adopt(trunk, identity.Identity(id="f" * 32, name="another"))
    with pytest.raises(InputError, match=r"belongs to the run .*, not to 'another'"):
        starting_point(run, saved_schedule)


def test_the_copy_of_a_remote_trunk_goes_once_it_is_loaded(trunk: Path) -> None:
    (trunk / TRUNK / f"{8:015d}").mkdir(parents=True)
    drop_trunk(config(trunk, trunk))
    assert not (trunk / TRUNK).exists()
    drop_trunk(config(trunk, trunk))
