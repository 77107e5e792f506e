"""A flipped bit of a schedule file is refused, or the schedule is the one that was written; paths may be edited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.errors import InputError
from schemas.phases import Source
from schemas.schedule import Schedule
from tests.schemas.test_schedule import golden


def placeless(run: Schedule) -> Schedule:
    """The run without the places of its datasets."""
    sources: list[Source] = [one.model_copy(update={"path": ""}) for one in run.sources]
    return run.model_copy(update={"sources": sources})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    golden().save(tmp_path / "s.json")
    return tmp_path / "s.json"


def test_no_flipped_bit_makes_another_schedule(file: Path) -> None:
    data, harmless, refusals = file.read_bytes(), 0, []
    for bit in range(0, 8 * len(data), 29):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        try:
            found = Schedule.load(file)
        except InputError as error:
            refusals.append(str(error))
        else:
            assert placeless(found) == placeless(golden()), f"bit {bit}: {changed[bit // 8 - 30 : bit // 8 + 10]!r}"
            harmless += 1
    assert 0 < harmless < len(refusals)
    assert all(map(str.isprintable, refusals))


def test_a_bit_of_the_seals_name_does_not_take_the_seal_out(file: Path) -> None:
    data = file.read_bytes()
    start = data.index(b'"seal"') + 1
    for bit in range(8 * start, 8 * (start + 4)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        file.write_bytes(changed)
        with pytest.raises(InputError, match="not a schedule: "):
            Schedule.load(file)


def test_a_path_may_be_edited_and_nothing_else(file: Path) -> None:
    said = json.loads(file.read_bytes())
    assert list(said)[-1] == "seal"
    said["sources"][0]["path"] = "/moved/ Ünïcode"
    file.write_text(json.dumps(dict(reversed(said.items())), ensure_ascii=False), encoding="utf-8")
    assert Schedule.load(file).sources[0].path == "/moved/ Ünïcode"
    assert Schedule.load(file).hash == golden().hash
    for place, value in (("seed", 8), ("global_batch", 8)):
        file.write_text(json.dumps({**said, place: value}))
        with pytest.raises(InputError, match=r"s\.json: seal: the schedule does not say what was written; copy"):
            Schedule.load(file)
    for value in (None, 7):
        file.write_text(json.dumps({**said, "seal": value}))
        with pytest.raises(InputError, match=r"not a schedule: `seal` is no text"):
            Schedule.load(file)


def test_a_file_of_an_older_release_has_no_seal(file: Path) -> None:
    file.write_text(golden().model_dump_json(indent=1) + "\n")
    assert Schedule.load(file) == golden()
