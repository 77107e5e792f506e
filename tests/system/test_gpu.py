"""On a GPU: what only a GPU takes (bf16, FlexAttention, compiled blocks, fused AdamW) trains as the CPU does.

`make gpu` runs these where there is one; elsewhere they skip themselves.
"""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks.windows import ALL, Windows, tokenizer_of
from schemas.manifest import ImageGeometry
from schemas.run_log import Step, steps
from schemas.schedule import Schedule
from tests.helpers import ranks
from train.checkpoint import folder
from train.config.run_config import RunConfig
from train.run.device import choose_device
from train.run.launch import fit

torch.set_num_threads(1)

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

WINDOWS = Windows(256, tokenizer_of(500), ImageGeometry(size=64, patch=16, tokens=16))
DECODER = {"width": 128, "layers": 2, "heads": 4, "kv_heads": 2, "head_width": 32, "mlp_width": 256}
MODEL: dict[str, Any] = {
    "decoder": DECODER,
    "encoder": {"kind": "siglip", "width": 64, "layers": 2, "heads": 2},
}


@pytest.fixture(scope="module")
def schedule(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 steps of 8 windows: text, then text with images from the seventh on; a path to it."""
    root = tmp_path_factory.mktemp("data")
    sources = [WINDOWS.write(root / "text", 80), WINDOWS.write(root / "pairs", 30, images=True, seed=1)]
    made = WINDOWS.schedule(sources, [(48, [ALL, 0]), (48, [ALL // 2, ALL // 2])], 8)
    made.save(root / "schedule.json")
    return root / "schedule.json"


def settings(schedule: Path, out: Path, **changes: Any) -> dict[str, Any]:
    """A run in bf16 that saves every third step."""
    here = {"model": MODEL, "precision": "amp_bf16", "checkpoint": {"every": 3, "keep": 9}}
    return ranks.settings(schedule, out, **{**here, **changes})


def trained(schedule: Path, out: Path, **changes: Any) -> list[Step]:
    """Train to the end in this process; the run's log."""
    config = RunConfig.model_validate(settings(schedule, out, **changes))
    config.out.mkdir(exist_ok=True)
    fit(config, Schedule.load(schedule), choose_device())
    return list(steps(out / "metrics.jsonl"))


def assert_close(found: list[Step], expected: list[Step], tolerance: float) -> None:
    assert [step.digest for step in found] == [step.digest for step in expected], "the same rows"
    assert [step.images for step in found] == [step.images for step in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.loss == pytest.approx(theirs.loss, rel=tolerance), ours.step
        # The windows are random, so losses hardly move: it is the gradients that would tell.
        assert ours.gradient_norm == pytest.approx(theirs.gradient_norm, rel=4 * tolerance), ours.step


@pytest.mark.parametrize("family", ["qwen3", "llama"])
def test_bf16_on_a_gpu_follows_fp32_on_a_cpu(schedule, tmp_path, family):
    model = {**MODEL, "decoder": {**DECODER, "family": family}}
    there = settings(schedule, tmp_path / "cpu", model=model, precision="fp32")
    expected = ranks.finish(there, 1, CUDA_VISIBLE_DEVICES="")
    assert expected[-1].loss < expected[0].loss
    assert_close(trained(schedule, tmp_path / "gpu", model=model), expected, 1e-2)
    assert_close(trained(schedule, tmp_path / "fp32", model=model, precision="fp32"), expected, 1e-3)


@pytest.mark.parametrize("change", [{"compile": True}, {"recompute": True}, {"parallel": {"strategy": "fsdp"}}])
def test_options_change_no_loss(schedule, tmp_path, change):
    expected = trained(schedule, tmp_path / "plain")
    assert_close(trained(schedule, tmp_path / "changed", **change), expected, 2e-3)


@pytest.mark.skipif(find_spec("flash_attn") is None, reason="needs flash-attn-4")
@pytest.mark.parametrize("compiled", [False, True])
def test_flash_attention_changes_no_loss(schedule, tmp_path, compiled):
    expected = trained(schedule, tmp_path / "plain")
    assert_close(trained(schedule, tmp_path / "flash", attention="flash", compile=compiled), expected, 2e-3)


@pytest.mark.skipif(find_spec("torchao") is None, reason="needs torchao")
@pytest.mark.parametrize("compiled", [False, True])
def test_fp8_follows_bf16_and_its_own_emulation(schedule, tmp_path, compiled):
    expected = trained(schedule, tmp_path / "plain")
    found = trained(schedule, tmp_path / "fp8", fp8=True, compile=compiled)
    assert_close(found, expected, 2e-2)
    assert_close(found, trained(schedule, tmp_path / "emulated", fp8="emulated"), 1e-2)


@pytest.mark.parametrize("change", [{}, {"compile": True}])
def test_a_run_that_goes_on_takes_the_same_steps_to_the_bit(schedule, tmp_path, change):
    expected = trained(schedule, tmp_path / "whole", **change)
    shutil.copytree(tmp_path / "whole", tmp_path / "again")
    for path in folder.complete(tmp_path / "again/checkpoints"):
        if int(path.name) > 24:
            shutil.rmtree(path)
    found = trained(schedule, tmp_path / "again", **change)
    assert [step.loss for step in found] == [step.loss for step in expected]
    assert [step.gradient_norm for step in found] == [step.gradient_norm for step in expected]


def test_a_short_last_step_takes_the_same_way(tmp_path):
    """5 rows in micro-batches of 2: compiled blocks and attention meet another shape at the very end."""
    source = WINDOWS.write(tmp_path / "text", 80)
    WINDOWS.schedule([source], [(37, [ALL])], 8).save(tmp_path / "schedule.json")
    evaluation = {"sources": {"text": source.path}, "rows": 7}
    expected = trained(tmp_path / "schedule.json", tmp_path / "plain", evaluation=evaluation)
    found = trained(tmp_path / "schedule.json", tmp_path / "compiled", evaluation=evaluation, compile=True)
    assert expected[-1].position == 37
    assert_close(found, expected, 2e-3)


def test_auto_finds_a_micro_batch(schedule, tmp_path):
    expected = trained(schedule, tmp_path / "two")
    assert_close(trained(schedule, tmp_path / "auto", microbatch="auto"), expected, 2e-3)
    assert (tmp_path / "auto/microbatch.json").exists()
