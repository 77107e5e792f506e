"""One bit of a file is flipped, anywhere: the command that reads it refuses it in a line, or its result is the same.

`SWITCHPOINT_FLIPS` says how many bits of each kind of file a seed flips; `SWITCHPOINT_FLIP_LEDGER=docs/flips.csv` adds
a line for each to that ledger, with the seed after its last one; `SWITCHPOINT_SEED` names another.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from composer.devices import DeviceCPU

from common import json_lines, seal
from common.errors import InputError
from curriculum.__main__ import main as curriculum
from curriculum.sweep_report import read_runs
from dataprep.engine.paths import STAGING
from dataprep.takedown.remove import remove
from dataprep.takedown.request import Request
from dataprep.verify import verify
from schemas.results import load_task
from schemas.run_log import steps
from schemas.schedule import Schedule
from schemas.sweep_file import SweepFile
from tests.curriculum.sweep_report.conftest import score, train
from tests.helpers import fault_worlds, flip_ledger, small_runs, synthetic
from tests.helpers.folders import tree
from train.callbacks.fault_log import Fault, FaultLog
from train.checkpoint import config_changes, digests, identity, state
from train.checkpoint.folder import complete
from train.checkpoint.names import LOGS
from train.config.run_config import RunConfig, read_run
from train.loader.cache.cache_folder import Slot
from train.loader.cache.download import Patience
from train.loader.sources.open_sources import survey
from train.report import record
from train.run.launch import fit
from train.run.microbatch_search import _remembered
from train.run.out_of_memory import REMEMBERED

FLIPS = int(os.environ.get("SWITCHPOINT_FLIPS", "60"))
LEDGER = os.environ.get("SWITCHPOINT_FLIP_LEDGER")
pytestmark = pytest.mark.soak
CURRICULUM = """\
parameters: {{switch: 80%, image_share: "50%"}}
seed: 7
global_batch: 8
trunk: 40 samples
sources:
  text: {{path: {data}/text}}
  pairs: {{path: {data}/pairs}}
learning_rate: {{peak: 1e-3, warmup: 2 steps, shape: constant, over: 100%}}
phases:
  - {{name: text, until: "${{switch}}", mix: {{text: 1}}, may_be_empty: true}}
  - {{name: image-text, steps: 2, mix: {{text: rest, pairs: "${{image_share}}"}}}}
"""
SWEEP = """\
curriculum: {folder}/base.yaml
train: {folder}/run.yaml
grids:
  - name: g
    axes: {{switch: [80%, 100%], image_share: [50%]}}
"""


@dataclass(frozen=True)
class World:
    """Files, and what a command makes of them."""

    files: list[Path]
    read: Callable[[], object]
    """What is compared."""
    share: int = 1
    """A read takes so much longer than others that fewer flips are tried."""


@pytest.fixture(scope="module")
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path) -> World:
    make = WORLDS[request.param]
    return make(tmp_path_factory.mktemp("world"), tokenizer_dir)


def dataset(job: str, **more: Any) -> Callable[[Path, Path], World]:
    """A finished dataset, as `verify` reads it: there is no bit that it may overlook, but for pages."""

    def make(folder: Path, tokenizer: Path) -> World:
        given = fault_worlds.settings(job, folder / "in", tokenizer, None)
        assert fault_worlds.command(job, given | more, folder / "out", folder) == 0
        if job == "pairs":
            remove(str(folder / "out"), Request(uids=frozenset({"2"})), date="2026-01-01")
        names = [name for name in tree(folder / "out") if not name.startswith(STAGING) and not name.endswith(".html")]
        assert {name.partition("/")[0] for name in names} >= {"provenance", "rejects", "checksums.txt"}
        return World([folder / "out" / name for name in names], partial(verified, folder / "out"))

    return make


def verified(out: Path) -> object:
    for part in (out, out / "held_out"):
        if part.is_dir() and (problems := verify(str(part))[1]):
            raise InputError(problems[0])
    return tree(out)


def schedules(folder: Path, tokenizer: Path) -> World:
    """A schedule, and the survey of what its paths lead to."""
    file = folder / "schedule.json"
    synthetic.schedule(folder, lengths=(16, 8, 8)).save(file)
    return World([file], lambda: surveyed(file))


def surveyed(file: Path) -> object:
    """The schedule, once its datasets are found to be those that it was compiled for."""
    schedule, slot = Schedule.load(file), Slot(file.parent / "cache")
    try:
        survey(schedule, slot, Patience(total=0.1, first=0.01))
    finally:
        slot.release()
    return schedule


def sweeps(folder: Path, tokenizer: Path) -> World:
    """A sweep as written, trained and scored: its report, and the run of every stretch."""
    synthetic.schedule(folder / "data")
    (folder / "base.yaml").write_text(CURRICULUM.format(data=folder / "data"))
    (folder / "run.yaml").write_text("model: {size: demo}\nmicrobatch: 4\n")
    (folder / "sweep.yaml").write_text(SWEEP.format(folder=folder))
    swept = folder / "swept"
    assert curriculum(["sweep", str(folder / "sweep.yaml"), "-o", str(swept), "--no-tree"]) == 0
    told = SweepFile.load(swept)
    for node in told.nodes:
        train(swept / "nodes" / node.id)
    for number, run in enumerate(told.runs):
        score(swept / "nodes" / run.node / "scores", run.settings, number, run.schedule)
    for file in swept.glob("nodes/*/scores/*.json"):
        file.write_text(seal.sealed(file.read_text()))
    for file in swept.glob("nodes/*/out/metrics.jsonl"):
        file.write_text("".join(map(json_lines.line, file.read_text().splitlines())))
    files = [path for path in sorted(swept.rglob("*")) if path.suffix in (".json", ".jsonl", ".yaml")]
    assert {"sweep.json", "run.yaml", "schedule.json", "results.json", "metrics.jsonl"} <= {file.name for file in files}
    return World(files, partial(reported, swept))


def reported(swept: Path) -> object:
    """All that `report`, `train sweep` and `train` read of a sweep."""
    found = read_runs.read(swept)
    tasks = [load_task(run.folder / "scores", task) for run in found.runs for task in run.tasks]
    plans = [(run.trained, run.mix) for run in found.runs]
    stretches = [(read_run(node / "run.yaml"), surveyed(node / "schedule.json")) for node in swept.glob("nodes/*")]
    return found, tasks, plans, stretches


def run_of(folder: Path, microbatch: int | str) -> tuple[RunConfig, Schedule]:
    """A run at its end, which has withheld an update and evaluated."""
    schedule = synthetic.schedule(folder / "data", lengths=(16, 16, 16))
    held_out = {"sources": {"text": str(folder / "data/text")}, "rows": 4}
    changes = {"checkpoint": {"every": 1, "keep": 3}, "evaluation": held_out, "microbatch": microbatch}
    run = small_runs.config(folder / "out", **changes)
    run.out.mkdir(parents=True)
    fault = Fault(start=32, stop=40, step=5, reason="r", loss=9.5, gradient_norm=2.5, action="skip")
    FaultLog(run.out).add(fault, write=True)
    fit(run, schedule, DeviceCPU())
    return run, schedule


def runs(folder: Path, tokenizer: Path) -> World:
    """What a run leaves, as report, audit, verify and the next start read it."""
    out = run_of(folder, "auto")[0].out
    change = config_changes.Change(position=24, key="seed", before=17, after=18)
    (out / "changes.jsonl").write_text(json_lines.line(change.model_dump_json()))
    files = [out / name for name in LOGS] + [path for path in out.glob("checkpoints/*/*") if path.is_file()]
    key = seal.opened((out / REMEMBERED).read_bytes())["for"]
    return World(files, partial(looked_at, out, key))


def looked_at(out: Path, key: dict[str, object]) -> object:
    """All that is read of a run; a micro-batch that is searched anew, with a warning, counts as refused."""
    faults = FaultLog(out)
    faults.read()
    saved = []
    for path in complete(out / "checkpoints"):
        digests.check(path)
        saved.append((state.read(path), state.schedule_of(path)))
        identity.check(identity.taken(out), saved[-1][0].identity, path)
    if (rows := _remembered(out / REMEMBERED, key)) is None:
        raise InputError("searched anew")
    log = list(steps(out / "metrics.jsonl"))
    return record.read(out), log, faults.faults, config_changes.read(out), identity.own(out), saved, rows


def resumed(folder: Path, tokenizer: Path) -> World:
    """A run that stands at half of its steps, and goes on in a copy of its folder."""
    run, schedule = run_of(folder, 2)
    for path in complete(run.out / "checkpoints"):
        if int(path.name) > 24:
            shutil.rmtree(path)
    files = [path for path in sorted(run.out.rglob("*")) if path.is_file() and path.stat().st_size]
    assert {"run.json", "metrics.jsonl", "faults.jsonl", "state.json"} <= {file.name for file in files}

    def went_on() -> object:
        with tempfile.TemporaryDirectory(dir=folder) as place:
            out = Path(place) / "out"
            shutil.copytree(run.out, out)
            fit(run.model_copy(update={"out": out}), schedule, DeviceCPU())
            last = state.read(complete(out / "checkpoints")[-1])
            tensors = {name: digest for name, digest in last.digests.items() if name.endswith(".safetensors")}
            held_out = [json.loads(line) for line in (out / "held_out.jsonl").read_text().splitlines()]
            return tensors, small_runs.facts(out), held_out, (out / "faults.jsonl").read_bytes()

    return World(files, went_on, share=6)


WORLDS: dict[str, Callable[[Path, Path], World]] = {
    "text": dataset("text", deduplicate=True, held_out=0.2),
    "pairs": dataset("pairs", deduplicate=True),
    "schedule": schedules,
    "sweep": sweeps,
    "run": runs,
    "resumed": resumed,
}


@pytest.mark.parametrize("world", WORLDS, indirect=True)
def test_a_flipped_bit_is_found(world: World, request: pytest.FixtureRequest) -> None:
    """Or it leaves the result as it was."""
    kind = request.node.callspec.params["world"]
    known = [one.seed for one in flip_ledger.read(Path(LEDGER or flip_ledger.LEDGER)) if one.kind == kind]
    seed = int(os.environ.get("SWITCHPOINT_SEED") or max(known, default=0) + 1)
    dice, wrong, counts = random.Random(f"{kind}-{seed}"), [], {"refused": 0, "identical": 0}
    expected, flips = world.read(), max(1, FLIPS // world.share)
    for _ in range(flips):
        file = dice.choice(world.files)
        data = file.read_bytes()
        bit = dice.randrange(8 * len(data))
        file.write_bytes(data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :])
        outcome = outcome_of(world, expected)
        file.write_bytes(data)
        if outcome in counts:
            counts[outcome] += 1
        else:
            wrong.append(f"bit {bit} of {file}: {outcome}")
    assert world.read() == expected
    entry = flip_ledger.Entry(seed, kind, flips, **counts, different=len(wrong))
    if LEDGER:
        flip_ledger.append(Path(LEDGER), entry)
    print(entry)
    assert not wrong, f"SWITCHPOINT_SEED={seed}: {wrong}"


def outcome_of(world: World, expected: object) -> str:
    """`refused`, `identical`, or what is wrong."""
    try:
        return "identical" if world.read() == expected else "another result"
    except InputError as error:
        return "refused" if str(error).isprintable() else f"more than a line: {error}"
    except Exception as error:
        return f"a traceback: {error!r}"
