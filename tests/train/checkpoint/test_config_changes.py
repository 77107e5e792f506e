"""A config may change when a run goes on: what changes the weights' function is refused, the rest is on record."""

import json
import shutil

import pytest
from composer.devices import DeviceCPU

from common import seal
from common.errors import InputError
from common.pictures import RULE
from tests.helpers import ranks, synthetic
from train.checkpoint import folder, state
from train.checkpoint.config_changes import Change, described, read
from train.config.run_config import RunConfig
from train.run.launch import fit
from train.run.trainer import build_trainer

DECODER = ranks.MODEL["decoder"]
FUNCTION = {
    "model.decoder.rope_theta": {"decoder": {**DECODER, "rope_theta": 200.0}},
    "model.decoder.norm_eps": {"decoder": {**DECODER, "norm_eps": 1e-3}},
    "model.decoder.head_width": {"decoder": {**DECODER, "heads": 1, "kv_heads": 1, "head_width": 16}},
    "model.decoder.family": {"decoder": {**DECODER, "family": "llama"}},
    "model.decoder.tied": {"decoder": {**DECODER, "tied": True}},
    "model.mask_documents": {"mask_documents": False},
    "model.end_of_text": {"end_of_text": "closes"},
}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    root = tmp_path_factory.mktemp("whole")
    schedule = synthetic.schedule(root, lengths=(16, 8, 8))
    run = config(root / "out")
    fit(run, schedule, DeviceCPU())
    return run, schedule


def config(out, **changes) -> RunConfig:
    return RunConfig.model_validate(ranks.settings("", out, checkpoint={"every": 1, "keep": 9}, **changes))


def stopped(whole, out, position: int) -> None:
    shutil.copytree(whole[0].out, out)
    for path in folder.complete(out / "checkpoints"):
        if int(path.name) > position:
            shutil.rmtree(path)


@pytest.mark.parametrize("key", FUNCTION)
@pytest.mark.parametrize("how", ["resume", "branch"])
def test_another_function_of_the_weights_is_refused(whole, tmp_path, key, how):
    section = {**ranks.MODEL, **FUNCTION[key]}
    if how == "resume":
        stopped(whole, tmp_path / "out", 16)
        run = config(tmp_path / "out", model=section)
    else:
        run = config(tmp_path / "out", model=section, branch_from=str(whole[0].out))
    with pytest.raises(InputError, match=rf"/0{{13}}\d\d: {key}: .* now, but these weights were trained with .*; put"):
        build_trainer(run, whole[1], DeviceCPU())
    assert read(run.out) == []


def test_a_run_from_before_keeps_its_ends_of_text(whole, tmp_path):
    """Its checkpoint says nothing of them: an end of text closes its document, whatever new runs do."""
    closes = {**ranks.MODEL, "end_of_text": "closes"}
    fit(config(tmp_path / "closes", model=closes), whole[1], DeviceCPU())
    stopped((config(tmp_path / "closes"),), tmp_path / "out", 16)
    for path in folder.complete(tmp_path / "out/checkpoints"):
        said = json.loads((path / "state.json").read_text())
        del said["seal"], said["run"]["model"]["end_of_text"]
        (path / "state.json").write_text(seal.sealed(json.dumps(said)))
    with pytest.raises(InputError, match=r"model.end_of_text: 'opens' now, but these weights were .* 'closes'"):
        fit(config(tmp_path / "out", model={**ranks.MODEL, "end_of_text": "opens"}), whole[1], DeviceCPU())
    fit(config(tmp_path / "out"), whole[1], DeviceCPU())
    assert read(tmp_path / "out") == []
    ends = [folder.complete(tmp_path / name / "checkpoints")[-1] for name in ("out", "closes")]
    assert state.read(ends[0]).run.model.end_of_text == "closes"
    tensors = [(path / "model.safetensors").read_bytes() for path in (*ends, folder.find(whole[0].out))]
    assert tensors[0] == tensors[1]
    assert tensors[0] != tensors[2], "and a new run opens"


def test_the_same_shape_by_another_name_is_no_change(whole, tmp_path):
    spelt = {**ranks.MODEL, "decoder": {**DECODER, "family": "qwen3", "rope_theta": 10_000}}
    stopped(whole, tmp_path / "out", 16)
    fit(config(tmp_path / "out", model=spelt), whole[1], DeviceCPU())
    assert read(tmp_path / "out") == []


def test_every_other_change_is_on_record_and_told(whole, tmp_path, capsys):
    stopped(whole, tmp_path / "out", 16)
    run = config(
        tmp_path / "out",
        optimizer={"betas": [0.8, 0.9], "clip": 0.5},
        model={**ranks.MODEL, "z_loss": 0.0},
        microbatch=4,
    )
    expected = [
        Change(position=16, key="microbatch", before=2, after=4),
        Change(position=16, key="model.z_loss", before=1e-4, after=0.0),
        Change(position=16, key="optimizer.betas", before=[0.9, 0.95], after=[0.8, 0.9]),
        Change(position=16, key="optimizer.clip", before=1.0, after=0.5),
    ]
    fit(run, whole[1], DeviceCPU())
    assert read(run.out) == expected
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("going on")]
    assert told == [
        "going on from step 2 (sample 16, 512 tokens); changed since: microbatch 2 -> 4, model.z_loss 0.0001 -> 0.0, "
        "optimizer.betas [0.9, 0.95] -> [0.8, 0.9], optimizer.clip 1.0 -> 0.5"
    ]
    for path in folder.complete(run.out / "checkpoints")[2:]:
        shutil.rmtree(path)
    fit(run, whole[1], DeviceCPU())
    assert read(run.out) == expected, "the same steps again: once"
    for path in folder.complete(run.out / "checkpoints")[3:]:
        shutil.rmtree(path)
    fit(config(run.out), whole[1], DeviceCPU())
    assert [change.position for change in read(run.out)] == [16] * 4 + [24] * 4, "and back"
    for path in folder.complete(run.out / "checkpoints")[1:]:
        shutil.rmtree(path)
    fit(config(run.out), whole[1], DeviceCPU())
    assert not (run.out / "changes.jsonl").exists(), "changes of steps that were trained again are gone"


def test_a_branch_has_its_changes_on_record(whole, tmp_path, capsys):
    at = whole[0].out / "checkpoints" / f"{16:015d}"
    run = config(tmp_path / "out", optimizer={"weight_decay": 0.1}, branch_from=str(at))
    fit(run, whole[1], DeviceCPU())
    assert read(run.out) == [Change(position=16, key="optimizer.weight_decay", before=0.033, after=0.1)]
    assert f"branching from {at}, step 2 (sample 16, 512 tokens)\n" in capsys.readouterr().err
    fit(run, whole[1], DeviceCPU())
    assert len(read(run.out)) == 1


def test_another_rule_for_pictures_is_told_once_and_on_record(whole, tmp_path, capsys):
    stopped(whole, tmp_path / "out", 16)
    state = folder.complete(tmp_path / "out" / "checkpoints")[-1] / "state.json"
    before = json.loads(state.read_text())
    assert (before.pop("pictures"), before.pop("seal") != "") == (RULE, True)
    state.write_text(seal.sealed(json.dumps(before)))
    fit(config(tmp_path / "out"), whole[1], DeviceCPU())
    assert read(tmp_path / "out") == [Change(position=16, key="pictures", before=1, after=RULE)]
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert len(told) == 1
    assert f"by rule {RULE} from sample 16 on, by rule 1 before" in told[0]
    shutil.rmtree(folder.complete(tmp_path / "out" / "checkpoints")[-1])
    fit(config(tmp_path / "out"), whole[1], DeviceCPU())
    assert [change.position for change in read(tmp_path / "out")] == [16], "checkpoints since name the rule of today"
    assert "warning" not in capsys.readouterr().err


def test_a_damaged_record_is_named(tmp_path):
    good = json.dumps({"position": 8, "key": "seed", "before": 1, "after": 2})
    (tmp_path / "changes.jsonl").write_text(f"{good}\n{good[:20]}\n")
    with pytest.raises(InputError, match=r"changes.jsonl:2: not a change of the config; copy it"):
        read(tmp_path)


def test_other_ranks_and_another_batch_are_told(whole):
    run, schedule = whole
    path = folder.complete(run.out / "checkpoints")[1]
    saved = state.read(path)
    assert saved.ranks == 1
    wide = schedule.model_copy(update={"global_batch": 16})
    begin = "going on from step 2 (sample 16, 512 tokens)"
    assert described(path, saved, run, schedule, 1) == begin
    assert described(path, saved, run, wide, 2) == f"{begin}; changed since: ranks 1 -> 2, batch 8 -> 16"
    older = saved.model_copy(update={"ranks": 0})
    assert described(path, older, run, schedule, 2) == begin, "it does not say how many there were"
