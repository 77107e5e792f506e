"""Pictures of a task: each is read and judged once; those of a hub take one request and its redirect's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest

from common.errors import InputError, StorageError
from dataprep.conversations.config import ConversationsJob
from dataprep.conversations.pictures import Pictures
from dataprep.engine.rejects import RejectError
from dataprep.storage import files, globs, http_client
from tests.helpers.dataset_hub import DatasetHub, Fault, loopback_datasets

GOOD = [f"coco/{n}.jpg" for n in range(4)]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, picture: Callable[..., bytes]) -> Iterator[DatasetHub]:
    monkeypatch.setattr(http_client, "_sleep", lambda seconds: None)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    files._filesystem.cache_clear()
    with loopback_datasets() as running:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", running.address)
        odd = {
            "cut.jpg": picture(1)[:200],
            "empty.jpg": b"",
            "large.jpg": bytes(3_000_000),
            "new\nline.jpg": picture(9),
        }
        running.push("o/n", {**{name: picture(n) for n, name in enumerate(GOOD)}, **odd})
        yield running
    files._filesystem.cache_clear()


def pictures(root: str, tmp_path: Path, **more: Any) -> Pictures:
    base = {"inputs": "x.json", "image_root": globs.pinned(root), "out": "unused", "tokenizer": "unused"}
    shape = {"geometry": {"size": 32, "patch": 16}, "images": {"max_bytes": 2_000_000}}
    return Pictures(ConversationsJob.model_validate({**base, **shape, **more}), tmp_path / "spool")


def refusal(found: Pictures, image: str) -> str:
    with pytest.raises(RejectError) as refused:
        found.judge(image)
    return f"{refused.value.reason}: {refused.value.detail}"


def test_a_picture_of_the_hub_takes_two_requests_however_often_it_is_named_and_read(
    hub: DatasetHub, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    found = pictures("hf://datasets/o/n", tmp_path)
    hub.asked.clear()
    for _ in range(3):
        judged = [found.judge(name) for name in GOOD]
    for _ in range(2):
        assert [found.read(one) for one in judged] == [picture(n) for n in range(len(GOOD))]
    asked = Counter(next(name for name in GOOD if f"/{name}" in line) for line in hub.asked)
    assert asked == dict.fromkeys(GOOD, 2), "one request, and where it is redirected to"
    assert not any(line.startswith("HEAD") for line in hub.asked)
    assert found.read(found.judge("new\nline.jpg")) == picture(9)


def test_rejects_are_those_of_local_files_and_take_no_more(hub: DatasetHub, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    for name, data in hub.files["o/n"][hub.branches["o/n", "main"]].items():
        (tmp_path / "here" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "here" / name).write_bytes(data)
    found, here = pictures("hf://datasets/o/n", tmp_path), pictures(str(tmp_path / "here"), tmp_path)
    hub.asked.clear()
    said = {
        "none.jpg": "missing_image: none.jpg",
        "coco": "missing_image: coco",
        "empty.jpg": "not_an_image: empty.jpg: starts with b''",
        "cut.jpg": "image_truncated: cut.jpg: Truncated File Read",
        "large.jpg": "image_too_large: large.jpg: 3,000,000 bytes",
        "../x.jpg": "unsafe_image_path: ../x.jpg",
    }
    for _ in range(2):
        assert {name: refusal(found, name) for name in said} == said
        assert {name: refusal(here, name) for name in said} == said
    assert len(hub.asked) == 2 + 2 * 3


def test_a_server_that_is_busy_or_breaks_off_costs_no_row(
    hub: DatasetHub, tmp_path: Path, picture: Callable[..., bytes]
) -> None:
    found = pictures("hf://datasets/o/n", tmp_path)
    hub.faults += [Fault("0.jpg", 429, {"Retry-After": "2"}), Fault("/cdn/"), Fault("0.jpg", 503)]
    assert found.read(found.judge(GOOD[0])) == picture(0)
    assert hub.faults == []
    hub.ranges = False
    assert found.read(found.judge(GOOD[1])) == picture(1)
    assert refusal(found, "large.jpg") == "image_too_large: large.jpg: 3,000,000 bytes"
    hub.faults += [Fault("2.jpg", 500)] * 6
    with pytest.raises(StorageError, match=r"2\.jpg: storage failed \(HTTP 500, 6 times\)"):
        found.judge(GOOD[2])
    assert found.read(found.judge(GOOD[2])) == picture(2)


def test_a_refusal_is_no_missing_picture(hub: DatasetHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = pictures("hf://datasets/o/n", tmp_path)
    hub.gated.add("o/n")
    with pytest.raises(InputError, match=r"HTTP 403: the dataset is gated; ask for access at http.*then set HF_TOKEN"):
        found.judge(GOOD[0])
    hub.private.add("o/n")
    with pytest.raises(InputError, match="HTTP 401: no such dataset, or it is private"):
        found.judge(GOOD[0])
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE is set; unset it"):
        found.judge(GOOD[0])


def test_pictures_of_a_text_only_dataset_are_not_kept(hub: DatasetHub, tmp_path: Path) -> None:
    pictures("hf://datasets/o/n", tmp_path, text_only=True).judge(GOOD[0])
    pictures(str(tmp_path), tmp_path)
    assert not (tmp_path / "spool").exists()
