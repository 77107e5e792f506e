"""Small files that were edited or damaged: each is refused in one line with its remedy, or is harmless."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from composer.devices import DeviceCPU
from safetensors.torch import load_file, save_file

from common import file_digests, seal
from common.errors import InputError
from schemas.run_log import steps
from schemas.schedule import Schedule
from tests.helpers import ranks, synthetic
from train.checkpoint import digests
from train.checkpoint.folder import complete
from train.config.run_config import RunConfig
from train.run.launch import fit

FIRST = ("sources", 0)
SCHEDULES = {
    "a NUL in a name": ((*FIRST, "name"), "te\0xt", r"sources.0.name: .*control characters are no part of a name"),
    "a line break in a path": ((*FIRST, "path"), "/data\n/text", r"sources.0.path: .*control characters"),
    "a name too long for a file": ((*FIRST, "name"), "x" * 300, r"sources.0.name: .*String should have at most 128"),
    "10^12 shards": ((*FIRST, "shards"), [[1, 10**12]], r"sources.0: .*1,000,000,000,000 shards, at most"),
    "a negative number of shards": ((*FIRST, "shards"), [[60, 2], [60, -1]], r"shards.1.1: .*greater than 0"),
    "a shard of no samples": ((*FIRST, "shards"), [[60, 1], [0, 5]], r"shards.1.0: .*greater than 0"),
    "10^18 samples": ((*FIRST, "samples"), 10**18, r"sources.0.samples: .*less than or equal"),
    "a batch of 10^18": (("global_batch",), 10**18, r"global_batch: .*less than or equal to 16777216"),
    "a sample of 10^18 tokens": (("seq_len",), 10**18, r"seq_len: .*less than or equal"),
    "an end beyond all numbers": (("phases", 2, "stop"), 10**30, r"phases.2.stop: .*less than or equal"),
}
ADDRESSES = ["file:/data/text", "file:///data/text", "http://host/text", "gopher://host/text", "s4://bucket/text"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("made")
    schedule = synthetic.schedule(root, lengths=(16, 8, 8))
    schedule.save(root / "schedule.json")
    fit(config(root / "out"), schedule, DeviceCPU())
    return root, schedule


def config(out: Path, **changes) -> RunConfig:
    return RunConfig.model_validate(ranks.settings("", out, checkpoint={"every": 1, "keep": 9}, **changes))


@pytest.mark.parametrize("case", SCHEDULES)
def test_a_schedule_that_was_edited(made, tmp_path, case):
    place, value, said = SCHEDULES[case]
    whole = json.loads((made[0] / "schedule.json").read_text())
    part = whole
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    (tmp_path / "schedule.json").write_text(json.dumps(whole))
    with pytest.raises(InputError, match=rf"schedule.json: .*{said}.*; compile it \(again\)") as error:
        Schedule.load(tmp_path / "schedule.json")
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_nobody_downloads_from(made, tmp_path, address):
    sources = [made[1].sources[0].model_copy(update={"path": address}), *made[1].sources[1:]]
    with pytest.raises(
        InputError, match=r"path: source 'text' lies at a '\w+:' address; edit `path` in the schedule: a f"
    ):
        fit(config(tmp_path / "out"), made[1].model_copy(update={"sources": sources}), DeviceCPU())


def test_a_batch_that_no_machine_holds(made, tmp_path):
    with pytest.raises(ValueError, match="less than or equal to 16777216"):
        config(tmp_path / "out", global_batch=10**18)


OPTIMIZERS = {
    "an unknown parameter": (lambda one: one | {"decoder.none/exp_avg": torch.zeros(3)}, "none/exp_avg' does not fit"),
    "another shape": (lambda one: one | {NORM + "/exp_avg": torch.zeros(7)}, "norm.weight/exp_avg' does not fit"),
    "an unknown part": (lambda one: one | {NORM + "/momentum": one[NORM + "/exp_avg"] + 1}, "momentum' does not fit"),
    "a step that is no number": (lambda one: one | {NORM + "/step": torch.zeros(2)}, r"weight/step' does not fit"),
    "half of the moments": (
        lambda one: {key: value for key, value in one.items() if not key.endswith("exp_avg_sq")},
        r"moments of \d+ parameters are missing, of '.*' for one",
    ),
}  # fmt: skip
NORM = "decoder.norm.weight"


@pytest.mark.parametrize("case", OPTIMIZERS)
def test_an_optimizer_that_is_not_the_models(made, tmp_path, case):
    """Under digests that say that it was saved so."""
    change, problem = OPTIMIZERS[case]
    run = again(made, tmp_path)
    (path,) = complete(run.out / "checkpoints")[-1:]
    file = path / "optimizer.safetensors"
    save_file(change(load_file(file)), file)
    state = json.loads((path / digests.STATE).read_text())
    state.pop("seal")
    said = {name: file_digests.of_file(path / name) for name in state["digests"]}
    (path / digests.STATE).write_text(seal.sealed(json.dumps({**state, "digests": said})))
    with pytest.raises(InputError, match=rf"optimizer.safetensors: .*{problem}.*; use another checkpoint"):
        fit(run, made[1], DeviceCPU())


def again(made, tmp_path) -> RunConfig:
    """The run, stopped at sample 16."""
    shutil.copytree(made[0] / "out", tmp_path / "out")
    for path in complete(tmp_path / "out/checkpoints"):
        if int(path.name) > 16:
            shutil.rmtree(path)
    return config(tmp_path / "out")


@pytest.mark.parametrize("content", [b"\xff\x00\xfe" * 500, b'{"step": Infinity, "position": 1}\n' * 9, b"[" * 99_999])
def test_a_log_that_is_none(made, tmp_path, content):
    run = again(made, tmp_path)
    (run.out / "metrics.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=r"metrics.jsonl:.*(damaged|the log ends at sample 0).*; copy the log from"):
        fit(run, made[1], DeviceCPU())
    with pytest.raises(InputError, match=r"metrics.jsonl:1: not a step record"):
        list(steps(run.out / "metrics.jsonl"))


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"[]", b'{"for": 1}', b'{"microbatch": -1}'])
def test_a_remembered_micro_batch_that_is_none(made, tmp_path, content, capsys):
    """It is found anew, and the rest of the run is what it was."""
    run = config(tmp_path / "out", microbatch="auto")
    run.out.mkdir()
    (run.out / "microbatch.json").write_bytes(content)
    fit(run, made[1].cut(8), DeviceCPU())
    assert json.loads((run.out / "microbatch.json").read_text())["microbatch"] > 0
    assert ("microbatch.json: damaged; the micro-batch is searched anew" in capsys.readouterr().err) == (
        b"for" not in content
    )
