"""Products in fp8, emulated: near those of fp32, under the same names, in checkpoints of the same form."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.torch_version import TorchVersion

from common.errors import InputError
from schemas.run_log import Step
from tests.helpers import ranks, synthetic
from tests.helpers.small_runs import train, train_with, without_clock
from train.callbacks.progress import Progress
from train.checkpoint import folder, load
from train.config.decoder_config import DecoderConfig
from train.config.run_config import RunConfig
from train.models import fp8
from train.models.cost import fp8_share
from train.models.decoder import Decoder
from train.models.document_positions import positions

torch.set_num_threads(1)

NEW_TORCH = TorchVersion(torch.__version__) >= fp8.NEEDS_TORCH
needs_torchao = pytest.mark.skipif(not NEW_TORCH or find_spec("torchao") is None, reason="needs torch 2.11 and torchao")

SHAPE = {"width": 32, "layers": 2, "heads": 2, "kv_heads": 2, "head_width": 16, "mlp_width": 48}
MODEL: dict[str, Any] = {"decoder": SHAPE, "encoder": {"width": 8, "layers": 1, "heads": 2}}


def gradients(decoder: Decoder, kind: torch.dtype | None = None) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Output and gradients for one batch, by products of `kind`."""
    tokens = torch.arange(96).view(2, 48) % 64
    with torch.autocast("cpu", kind or torch.bfloat16, enabled=kind is not None):
        hidden = decoder(decoder.embed_tokens(tokens), positions(torch.zeros_like(tokens)), None).float()
    hidden.square().sum().backward()
    return hidden.detach(), {name: p.grad.clone() for name, p in decoder.named_parameters() if p.grad is not None}


def small(**changes: int) -> Decoder:
    torch.manual_seed(0)
    return Decoder(DecoderConfig.model_validate({**SHAPE, **changes}), 64)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


@needs_torchao
def test_products_are_rounded_and_weights_are_not():
    expected, exact = gradients(small())
    bf16, _ = gradients(small(), torch.bfloat16)
    decoder = small()
    before = dict(decoder.named_parameters())
    fp8.convert(decoder, emulate=True)
    after = dict(decoder.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is parameter for name, parameter in before.items()), "the optimizer knows them as before"
    found, rounded = gradients(decoder)
    assert apart(bf16, expected) < apart(found, expected) < 0.1, "fp8 has three bits of mantissa, bf16 has seven"
    for name, gradient in exact.items():
        assert rounded[name].dtype == torch.float32
        assert apart(rounded[name], gradient) < 0.2, name


@needs_torchao
def test_only_products_of_blocks_in_multiples_of_16_are_taken():
    decoder = small(mlp_width=40)
    fp8.convert(decoder, emulate=True)
    assert fp8.is_converted(decoder)
    assert not fp8.is_converted(small())
    kinds = {name: type(part) for name, part in decoder.named_modules() if isinstance(part, nn.Linear)}
    plain = {name for name, kind in kinds.items() if kind is nn.Linear}
    expected = {f"layers.{n}.mlp.{part}_proj" for n in (0, 1) for part in ("gate", "up", "down")} | {"lm_head"}
    assert plain == expected


def config(out: Path, **changes: Any) -> RunConfig:
    settings = {
        "schedule": "",
        "out": out,
        "model": MODEL,
        "microbatch": 3,
        "checkpoint": {"every": 3},
        "log_every": 50,
    }
    return RunConfig.model_validate({**settings, **changes})


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, dict[str, list[Step]]]:
    """The same run plain and in emulated fp8: their folder, and their steps."""
    root = tmp_path_factory.mktemp("runs")
    schedule = synthetic.schedule(root / "data")
    plain = train(config(root / "plain"), schedule)
    return root, {"plain": plain, "fp8": train(config(root / "fp8", fp8="emulated"), schedule)}


@needs_torchao
def test_a_run_in_fp8_learns_as_the_plain_one(runs):
    _, found = runs
    assert [step.digest for step in found["fp8"]] == [step.digest for step in found["plain"]]
    losses = {name: [step.loss for step in steps] for name, steps in found.items()}
    assert losses["fp8"] != losses["plain"]
    assert losses["fp8"] == pytest.approx(losses["plain"], rel=0.01)
    assert losses["fp8"][5] < losses["fp8"][0]


@needs_torchao
def test_checkpoints_have_the_same_form_and_go_on_to_the_bit_in_fp8_and_as_a_plain_run(runs, tmp_path):
    root, found = runs
    newest = {name: folder.find(root / name) for name in ("plain", "fp8")}
    for file in ("model.safetensors", "optimizer.safetensors"):
        forms = [{n: (t.dtype, t.shape) for n, t in load.read_tensors(path / file).items()} for path in newest.values()]
        assert forms[0] == forms[1]
    schedule = synthetic.schedule(root / "data")
    for precision, changes in (("fp8", {"fp8": "emulated"}), ("plain", {})):
        again = tmp_path / precision
        shutil.copytree(root / "fp8", again)
        for path in folder.complete(again / "checkpoints")[2:]:
            shutil.rmtree(path)
        steps = without_clock(train(config(again, **changes), schedule))
        assert (steps == without_clock(found["fp8"])) == (precision == "fp8")
        assert [step["loss"] for step in steps] == pytest.approx([step.loss for step in found["fp8"]], rel=0.01)


@needs_torchao
def test_the_start_line_states_the_share_and_no_mfu_is_computed(runs, tmp_path, capfd):
    root, _ = runs
    schedule = synthetic.schedule(root / "data", lengths=(8, 16, 8))
    found = {kind: train_with(config(tmp_path / f"{kind}", fp8=kind), schedule) for kind in ("emulated", False)}
    share = fp8_share(DecoderConfig.model_validate(SHAPE), schedule.tokenizer.embedding_rows, schedule.seq_len)
    assert f"fp8 (emulated): {share:.0%} of the decoder's operations; no MFU is given" in capfd.readouterr().err
    counts = {
        kind: [one._work is not None for one in callbacks if isinstance(one, Progress)]
        for kind, callbacks in found.items()
    }
    assert counts == {"emulated": [False], False: [True]}


@needs_torchao
@pytest.mark.soak
@pytest.mark.parametrize("parallel", [{}, {"strategy": "fsdp"}])
def test_two_ranks_save_what_one_does(tmp_path, parallel):
    """One scale for each tensor of a micro-batch: ranks round apart, so losses are near and not equal."""
    schedule = synthetic.schedule(tmp_path / "data")
    schedule.save(tmp_path / "schedule.json")
    found = {}
    for count in (1, 2):
        out = tmp_path / f"out-{count}"
        run = ranks.settings(tmp_path / "schedule.json", out, model=MODEL, fp8="emulated", parallel=parallel)
        found[count] = ranks.finish(run, count)
    assert [step.digest for step in found[2]] == [step.digest for step in found[1]]
    assert [step.loss for step in found[2]] == pytest.approx([step.loss for step in found[1]], rel=0.01)
    assert (tmp_path / "out-2/checkpoints").is_dir()
    one = RunConfig.model_validate(
        ranks.settings(tmp_path / "schedule.json", tmp_path / "again", model=MODEL, branch_from=str(tmp_path / "out-2"))
    )
    assert train(one, synthetic.schedule(tmp_path / "data", lengths=(48, 40, 48)))[-1].position == 136


@pytest.mark.skipif(NEW_TORCH, reason="this torch is new enough")
def test_an_older_torch_is_refused_in_a_line():
    with pytest.raises(InputError, match=r"fp8: fp8 needs torch 2\.11, this is 2\..*constraints-torch211"):
        fp8.check("emulated", False, 64)


@pytest.mark.skipif(not NEW_TORCH, reason="needs torch 2.11")
def test_without_torchao_it_is_refused_in_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchao", None)
    monkeypatch.delitem(sys.modules, "torchao.float8", raising=False)
    with pytest.raises(InputError, match=r"fp8: fp8 needs torchao .*pip install"):
        fp8.check("emulated", False, 64)


@needs_torchao
def test_what_it_cannot_run_on_is_refused_in_a_line(monkeypatch):
    with pytest.raises(InputError, match="multiple of 16 tokens, these have 40"):
        fp8.check("emulated", False, 40)
    with pytest.raises(InputError, match=r"capability 8\.9 or newer, this is a CPU.*`emulated`"):
        fp8.check(True, False, 64)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 0))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A100")
    with pytest.raises(InputError, match="this is A100"):
        fp8.check(True, True, 64)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    fp8.check(True, True, 64)
