"""Sources on a hub of this machine: the same rows as from disk, at a revision, through faults; refused in a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import huggingface_hub.constants
import pytest

from common.errors import InputError
from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.dataset_hub import TOKEN, DatasetHub, Fault, loopback_datasets
from tests.helpers.folders import tree
from train.loader.cache.download import Patience
from train.loader.cache.hub_downloader import HubDownloader, downloader_for
from train.loader.data_loader import ScheduleLoader
from train.loader.dataset import ScheduleDataset

QUICK = Patience(total=60, first=0.01, longest=0.05)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DatasetHub]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    huggingface_hub.utils._http.reset_sessions()
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with loopback_datasets() as running:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", running.address)
        yield running
    huggingface_hub.utils._http.reset_sessions()


@pytest.fixture
def schedule(tmp_path: Path, hub: DatasetHub) -> Schedule:
    made = synthetic.schedule(tmp_path / "local")
    for source in made.sources:
        hub.push(f"o/{source.kind}", tree(tmp_path / "local" / source.kind))
    return made


def at(schedule: Schedule, form: str) -> Schedule:
    sources = [one.model_copy(update={"path": form.format(one.kind)}) for one in schedule.sources]
    return schedule.model_copy(update={"sources": sources})


def rows(schedule: Schedule, cache: Path) -> list[tuple[list[int], bytes]]:
    dataset = ScheduleDataset(schedule, batch_size=4, cache=str(cache), patience=QUICK)
    try:
        return [
            (batch["samples"].tolist(), batch["input_ids"].numpy().tobytes()) for batch in ScheduleLoader(dataset, 0)
        ]
    finally:
        dataset.close()


def test_the_same_rows_as_from_disk_whatever_the_hub_does(hub: DatasetHub, schedule: Schedule, tmp_path: Path) -> None:
    whole = rows(schedule, tmp_path / "a")
    hub.faults += [Fault("resolve", 503), Fault("resolve", 429), Fault("cdn"), Fault("cdn"), Fault("cdn", 500)]
    hub.ranges = False
    assert rows(at(schedule, "hf://datasets/o/{}"), tmp_path / "b") == whole
    assert hub.faults == []
    assert not list((tmp_path / "b").rglob("*.part*"))


def test_a_revision_stays_when_the_branch_moves(hub: DatasetHub, schedule: Schedule, tmp_path: Path) -> None:
    commit = hub.branches["o/text", "main"]
    hub.push("o/text", {"other": b"x"})
    place = f"hf://datasets/o/text@{commit}"
    target = tmp_path / "index.json"
    HubDownloader().download(f"{place}/index.json", str(target))
    assert target.read_bytes() == (tmp_path / "local/text/index.json").read_bytes()
    with pytest.raises(InputError, match=r"manifest.json of source 'text' is missing or access is denied.*404"):
        rows(at(schedule, "hf://datasets/o/{}"), tmp_path / "c")


def test_private_datasets_want_a_token(
    hub: DatasetHub, schedule: Schedule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.private |= {"o/text", "o/pairs", "o/conversations"}
    with pytest.raises(InputError, match=r"is missing or access is denied.*401"):
        rows(at(schedule, "hf://datasets/o/{}"), tmp_path / "d")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert rows(at(schedule, "hf://datasets/o/{}"), tmp_path / "e") == rows(schedule, tmp_path / "f")


def test_offline_is_said_at_once(
    hub: DatasetHub, schedule: Schedule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    before = len(hub.asked)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set; unset it"):
        rows(at(schedule, "hf://datasets/o/{}"), tmp_path / "g")
    assert len(hub.asked) == before


def test_other_addresses_are_streamings() -> None:
    assert type(downloader_for("s3://bucket/x")).__module__.startswith("streaming")
    with pytest.raises(ValueError, match="Unsupported remote path"):
        downloader_for("ftp://x/y")
