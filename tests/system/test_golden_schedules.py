"""Golden runs: a change of any order, count or hash, on any platform, shows here. Integers alone are compared.

Each `golden/NAME.yaml` has a `NAME.json` beside it: the schedule that it compiles to, hashes of its past, draws at its
start, its end and around its switch points, and a digest over the first draws. To accept a change that is meant, and
that makes checkpoints of earlier schedules useless, run this file: `python tests/system/test_golden_schedules.py`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curriculum.compiler.compile_curriculum import compile_curriculum
from curriculum.language.template import Template
from schemas.schedule import Schedule
from tests.curriculum.conftest import manifest

GOLDEN = Path(__file__).parent / "golden_schedules"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))
FIRST = 100_000
"""Draws, at most, that the digest covers."""


def write_datasets(folder: Path) -> None:
    """Manifests of every dataset that the golden curricula name."""
    sizes = {"text": ("text", 20_000), "pairs": ("pairs", 1000), "chat": ("conversations", 333)}
    sizes |= {f"s{i:02}": ("text", 100 if i == 10 else 157 * (i + 1)) for i in range(12)}
    for name, (kind, samples) in sizes.items():
        _write(folder / name, manifest(kind, samples))
    long = {"dclm": ("text", 1_900_000_000, 1_000_000), "datacomp": ("pairs", 13_671_875, 15_625)}
    for name, (kind, samples, size) in long.items():
        shards = [
            {"name": f"{i}.mds", "samples": size, "bytes": size, "digest": f"{kind}-{i}"}
            for i in range(samples // size)
        ]
        tokens = {"text" if kind == "text" else "visual": samples * 2048}
        _write(folder / name, manifest(kind, 1, 2048) | {"samples": samples, "shards": shards, "tokens": tokens})


def _write(folder: Path, content: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    content["rows"] = {"read": content["samples"], "written": content["samples"], "rejected": {}}
    (folder / "manifest.json").write_text(json.dumps(content))


def draws(schedule: Schedule, start: int, stop: int) -> list[list[int]]:
    """[source, sample] of each position."""
    return np.stack(schedule.samples(start, stop), axis=1).tolist()


def facts(schedule: Schedule) -> dict[str, Any]:
    """What is compared of a schedule, beside itself."""
    total = schedule.total_samples
    ids, chosen = schedule.samples(0, min(total, FIRST))
    digest = hashlib.sha256(ids.astype("<i4").tobytes() + chosen.astype("<i8").tobytes()).hexdigest()
    places = {0, total - 16, total // 2, *(phase.start - 8 for phase in schedule.phases[1:])}
    return {
        "hash": schedule.hash,
        "past": {str(phase.start + 1): schedule.prefix_hash(phase.start + 1) for phase in schedule.phases},
        "counts": {str(place): list(schedule.counts(place).values()) for place in sorted(places)},
        "draws": {str(place): draws(schedule, place, place + 16) for place in sorted(places)},
        "first": digest,
    }


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("golden")
    write_datasets(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_compiles_to_the_same_schedule(name: str, datasets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(datasets)
    compiled = compile_curriculum(Template.read(GOLDEN / f"{name}.yaml").fill()).schedule
    expected = json.loads((GOLDEN / f"{name}.json").read_text())["schedule"]
    assert compiled.model_dump(mode="json", exclude_defaults=True) == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_schedule_that_was_written_then_draws_the_same_now(name: str) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text())
    schedule = Schedule.model_validate(golden.pop("schedule"))
    assert facts(schedule) == golden
    for place, expected in golden["draws"].items():
        assert [list(schedule.sample(int(place) + i)) for i in range(16)] == expected


def _accept() -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_datasets(Path(folder))
        os.chdir(folder)
        for name in NAMES:
            schedule = compile_curriculum(Template.read(GOLDEN / f"{name}.yaml").fill()).schedule
            written = {"schedule": schedule.model_dump(mode="json", exclude_defaults=True), **facts(schedule)}
            text = (
                json.dumps(written, indent=None, separators=(",", ":")).replace('},"', '},\n"').replace("]],", "]],\n")
            )
            (GOLDEN / f"{name}.json").write_text(text + "\n")
            sys.stdout.write(f"{name}: {schedule.hash}\n")


if __name__ == "__main__":
    _accept()
