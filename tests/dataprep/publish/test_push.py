"""Datasets on a hub of this machine: whole or no dataset, sent once, read back by a stock reader and by the loader."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from dataprep.publish import push as module
from dataprep.publish.push import push
from schemas.manifest import MANIFEST_NAME, Manifest
from tests.helpers.folders import tree
from tests.helpers.hub import TOKEN, Hub

NAME = "us/data"


def sent(folder: Path, **more: Any) -> str | None:
    settings = {"private": False, "replace": False, "tell": lambda _: None, **more}
    return push(folder, Manifest.load(folder), NAME, **settings)


def held(hub: Hub) -> dict[str, bytes]:
    return {path: data for path, data in hub.repositories[NAME].items() if path != module.CARD_NAME}


def due(folder: Path) -> dict[str, bytes]:
    return {path: data for path, data in tree(folder).items() if not path.startswith(".switchpoint")}


def test_everything_arrives_in_commits_and_the_manifest_in_the_last(
    hub: Hub, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILES_PER_COMMIT", 2)
    present: list[bool] = []
    hub.before_commit = lambda: present.append(MANIFEST_NAME in hub.repositories[NAME])
    address = sent(dataset, private=True)
    assert address is not None
    assert address.startswith(f"{hub.address}/{NAME}/commit/")
    assert held(hub) == due(dataset)
    assert len(present) == len(hub.commits) > 2
    assert not any(present)
    assert hub.private == {NAME}
    assert sent(dataset) is None, "nothing differs"
    assert len(present) == len(hub.commits)


def test_killed_between_commits_it_is_no_dataset_and_goes_on(
    hub: Hub, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILES_PER_COMMIT", 1)

    dead = True

    def dies() -> None:
        if dead and len(hub.commits) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module.hub_upload, "commit", _before(module.hub_upload.commit, dies))
    with pytest.raises(KeyboardInterrupt):
        sent(dataset)
    assert MANIFEST_NAME not in hub.repositories[NAME]
    puts = len(hub.objects)
    dead = False
    assert sent(dataset)
    assert held(hub) == due(dataset)
    assert 0 < puts < len(hub.objects)


def test_after_a_change_the_manifest_leaves_first(hub: Hub, dataset: Path) -> None:
    sent(dataset)
    shard = next(dataset.glob("*.mds*"))
    shard.write_bytes(shard.read_bytes() + b"x")
    manifest = dataset / MANIFEST_NAME
    manifest.write_text(manifest.read_text() + "\n")
    present: list[bool] = []
    hub.before_commit = lambda: present.append(MANIFEST_NAME in hub.repositories[NAME])
    assert sent(dataset)
    assert present == [True, False]
    assert held(hub) == due(dataset)


def test_other_files_there_are_a_reason_to_refuse(hub: Hub, dataset: Path) -> None:
    hub.repositories[NAME] = {"theirs.txt": b"x", "README.md": b"y", ".gitattributes": b"z"}
    with pytest.raises(InputError, match=r"us/data holds 1 other files \(theirs.txt\).*--replace"):
        sent(dataset)
    assert hub.commits == []
    assert sent(dataset, replace=True)
    assert held(hub) == {**due(dataset), ".gitattributes": b"z"}


@pytest.mark.parametrize(
    ("name", "token", "said"),
    [
        ("others/data", TOKEN, "does not take 'others/data' \\(403"),
        (NAME, "hf_wrong", "does not take 'us/data' \\(401"),
        ("data", TOKEN, "'data' is no owner/name"),
    ],
)
def test_what_the_hub_refuses_is_one_line(
    hub: Hub, dataset: Path, monkeypatch: pytest.MonkeyPatch, name: str, token: str, said: str
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(InputError, match=said) as refused:
        push(dataset, Manifest.load(dataset), name, private=False, replace=False)
    assert "\n" not in str(refused.value)
    assert refused.value.field == module.FIELD


def _before(function: Any, first: Any) -> Any:
    def wrapped(*positional: Any, **named: Any) -> Any:
        first()
        return function(*positional, **named)

    return wrapped


def test_a_stock_reader_reads_what_was_sent(hub: Hub, dataset: Path, tmp_path: Path) -> None:
    from streaming import StreamingDataset

    sent(dataset)
    back = tmp_path / "back"
    for path, data in hub.repositories[NAME].items():
        (back / path).parent.mkdir(parents=True, exist_ok=True)
        (back / path).write_bytes(data)
    found = StreamingDataset(local=str(back), shuffle=False, batch_size=1)
    mine = StreamingDataset(local=str(dataset), shuffle=False, batch_size=1)
    assert len(found) == len(mine) == Manifest.load(dataset).samples
    assert all(np.array_equal(found[n]["tokens"], mine[n]["tokens"]) for n in range(len(mine)))
    shutil.rmtree(back)
