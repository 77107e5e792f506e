"""A log is cut at its checkpoint; one that is damaged before it, or does not reach it, is named."""

import json
import os

import pytest
from composer.devices import DeviceCPU

from common import json_lines
from common.errors import InputError
from tests.helpers import ranks, synthetic
from train.callbacks.metrics_log import truncate
from train.checkpoint import folder
from train.config.run_config import RunConfig
from train.run.launch import fit
from train.run.trainer import build_trainer

ZEROS = b"\0" * 40 + b"\n"


def lines(*steps: int) -> bytes:
    return b"".join(json.dumps({"step": step, "position": 8 * step}).encode() + b"\n" for step in steps)


@pytest.mark.parametrize("tail", [b"", b'{"step": 3, "posi', ZEROS, ZEROS + lines(4), lines(3, 4), b"\xff\n" + ZEROS])
def test_what_lies_past_the_checkpoint_is_cut_however_damaged(tmp_path, tail):
    log = tmp_path / "metrics.jsonl"
    log.write_bytes(lines(1, 2) + tail)
    truncate(log, 16, reaches=True)
    assert log.read_bytes() == lines(1, 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lines(1) + ZEROS + lines(3), r"metrics.jsonl:2: damaged, and of a step before the checkpoint; copy the log"),
        (ZEROS + lines(2, 3), r"metrics.jsonl:1: damaged"),
        (lines(1) + b"[1]\n" + lines(3), r"metrics.jsonl:2: damaged"),
        (lines(1, 2), r"metrics.jsonl: the log ends at sample 16, the checkpoint stands at 24; copy the log"),
        (lines(1, 2) + ZEROS, r"the log ends at sample 16, the checkpoint stands at 24"),
        (lines(1, 3), r"metrics.jsonl:2: step 3 follows step 1"),
        (b"", r"the log ends at sample 0, the checkpoint stands at 24"),
        (None, r"the log ends at sample 0, the checkpoint stands at 24"),
    ],
)
def test_what_is_missing_before_it_is_named(tmp_path, content, message):
    log = tmp_path / "metrics.jsonl"
    if content is not None:
        log.write_bytes(content)
    with pytest.raises(InputError, match=message):
        truncate(log, 24, reaches=True)
    assert content is None or log.read_bytes() == content


def test_a_changed_digit_before_the_checkpoint_is_named(tmp_path):
    """Of a log that every step up to the checkpoint is in, and of one that has a line now and then."""
    log = tmp_path / "metrics.jsonl"
    sealed = [json_lines.line(json.dumps({"step": n, "position": 8 * n, "loss": 2.5})) for n in (1, 2, 3)]
    for number in (0, 1, 2):
        changed = [line.replace("2.5", "2.6") if n == number else line for n, line in enumerate(sealed)]
        log.write_text("".join(changed))
        with pytest.raises(InputError, match=r"metrics.jsonl:\d: damaged|the log ends at sample 16"):
            truncate(log, 24, reaches=True)
        with pytest.raises(InputError, match=rf"metrics.jsonl:{number + 1}: damaged, and of a step before"):
            truncate(log, 24)
        assert log.read_text() == "".join(changed)
    log.write_text("".join(sealed)[:-1] + "\x0b")
    with pytest.raises(InputError, match=r"metrics.jsonl:3: damaged"):
        truncate(log, 24)
    log.write_text("".join(sealed)[:-20])
    truncate(log, 24)
    assert log.read_text() == "".join(sealed[:2]), "a torn line"


def test_a_run_asks_for_its_own_log_and_has_it_on_disk_before_each_checkpoint(tmp_path, monkeypatch):
    schedule = synthetic.schedule(tmp_path, lengths=(16, 8, 8))
    run = RunConfig.model_validate(ranks.settings("", tmp_path / "out", checkpoint={"every": 99}))
    told: list[str] = []
    sync, replace = os.fsync, os.rename

    def synced(handle: int) -> None:
        told.append(os.path.basename(os.readlink(f"/proc/self/fd/{handle}")))
        sync(handle)

    def renamed(one, other, **places) -> None:
        told.append(os.path.basename(other))
        replace(one, other, **places)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    fit(run, schedule, DeviceCPU())
    monkeypatch.undo()
    saved = [told.index(path.name) for path in folder.complete(run.out / "checkpoints")]
    logs = [index for index, name in enumerate(told) if name == "metrics.jsonl"]
    assert len(logs) == len(saved) == 3
    assert all(log < at for log, at in zip(logs, saved, strict=True))

    last = folder.find(run.out)
    (run.out / "checkpoints" / last.name).rename(tmp_path / "last")
    log = run.out / "metrics.jsonl"
    log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(InputError, match="the log ends at sample 16, the checkpoint stands at 24"):
        fit(run, schedule, DeviceCPU())
    branch = RunConfig.model_validate(ranks.settings("", tmp_path / "b", branch_from=str(folder.find(run.out))))
    assert build_trainer(branch, schedule, DeviceCPU()) is not None, "the remedy"
