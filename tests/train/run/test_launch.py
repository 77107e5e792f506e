"""One process may train run after run: nothing of one that ended stays."""

import gc
import weakref
from pathlib import Path

import pytest
from composer.devices import DeviceCPU

from common import heartbeat
from common.errors import InputError
from common.file_lock import exclusive
from tests.helpers import synthetic
from train.config.run_config import RunConfig
from train.run import launch

DECODER = {"width": 16, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 8, "mlp_width": 24}


def config(out: Path) -> RunConfig:
    model = {"decoder": DECODER, "encoder": {"width": 8}}
    return RunConfig.model_validate({"schedule": "", "out": out, "microbatch": 4, "model": model})


def test_a_run_that_ended_is_forgotten(tmp_path, monkeypatch):
    kept: list[weakref.ref[object]] = []
    real = launch.build_trainer

    def build(*arguments):
        trainer, dataset = real(*arguments)
        kept.extend(map(weakref.ref, (trainer.state.model, trainer.state.optimizers[0], dataset)))
        return trainer, dataset

    monkeypatch.setattr(launch, "build_trainer", build)
    launch.fit(config(tmp_path / "out"), synthetic.schedule(tmp_path).cut(16), DeviceCPU())
    gc.collect()
    assert [type(one()) for one in kept] == [type(None)] * 3


def test_every_part_of_a_start_and_of_a_run_is_named(tmp_path, monkeypatch):
    """Whatever takes long is said by its name, on a busy machine as on a slow one."""
    parts: list[tuple[str, int]] = []
    counted: list[int] = []
    monkeypatch.setattr(heartbeat, "at", lambda part, total=0: parts.append((part, total)))
    monkeypatch.setattr(heartbeat, "done", counted.append)
    held_out = {"sources": {"pairs": synthetic.write(tmp_path / "held", "pairs", 10)}, "rows": 6}
    run = RunConfig.model_validate(
        config(tmp_path / "out").model_dump() | {"evaluation": held_out, "microbatch": "auto"}
    )
    launch.fit(run, synthetic.schedule(tmp_path).cut(16), DeviceCPU())
    between = "reading the next batch, or saving a checkpoint"
    assert [part for part, _ in parts] == [
        "looking for a checkpoint",
        "reading the datasets' indices",
        "building the model",
        "looking for the largest micro-batch",
        "building the model again",
        "building Composer's trainer",
        "starting the loader's workers",
        "step 1, the first of this start (a GPU compiles now)",
        between,
        "step 2",
        "held-out loss of pairs, rows",
        between,
    ]
    assert dict(parts)["held-out loss of pairs, rows"] == sum(counted) == 6


def test_a_peer_that_is_gone_before_training_begins_is_one_line(tmp_path, monkeypatch):
    gone = "[/pytorch/third_party/gloo/gloo/transport/tcp/pair.cc:525] Read error [127.0.0.1]:2438: Connection reset"

    def build(*arguments):
        raise RuntimeError(gone)

    monkeypatch.setattr(launch, "build_trainer", build)
    monkeypatch.setattr(launch, "choose_device", lambda patience: DeviceCPU())
    monkeypatch.setattr(launch, "end_with_parent", lambda number: None)
    with pytest.raises(InputError, match=r"another rank is gone without a word .*; the launcher's lines say how"):
        launch.launch(config(tmp_path / "out"), synthetic.schedule(tmp_path).cut(16))


def test_two_trainers_in_one_out_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(launch, "GRACE", 0.5)
    schedule, run = synthetic.schedule(tmp_path).cut(16), config(tmp_path / "out")
    with (
        exclusive(run.out / "train.lock", "trainer"),
        pytest.raises(InputError, match="out: another trainer runs in this folder; wait for it"),
    ):
        launch.fit(run, schedule, DeviceCPU())
    assert not (run.out / "metrics.jsonl").exists()
    seen: list[str] = []

    def second(*arguments):
        with pytest.raises(InputError, match="another trainer runs"), exclusive(run.out / "train.lock", "trainer"):
            pass
        seen.append("held")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "build_trainer", second)
        launch.fit(run, schedule, DeviceCPU())
    assert seen == ["held"], "while it trains"
    launch.fit(run, schedule, DeviceCPU())
    assert (run.out / "metrics.jsonl").exists()
