"""One process may train run after run: nothing of one that ended stays."""

import gc
import weakref

from composer.devices import DeviceCPU

from tests.helpers import synthetic
from train.config.run_config import RunConfig
from train.run import launch

DECODER = {"width": 16, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 8, "mlp_width": 24}


def test_a_run_that_ended_is_forgotten(tmp_path, monkeypatch):
    kept: list[weakref.ref[object]] = []
    real = launch.build_trainer

    def build(*arguments):
        trainer, dataset = real(*arguments)
        kept.extend(map(weakref.ref, (trainer.state.model, trainer.state.optimizers[0], dataset)))
        return trainer, dataset

    monkeypatch.setattr(launch, "build_trainer", build)
    schedule = synthetic.schedule(tmp_path).cut(16)
    run = {
        "schedule": "",
        "out": tmp_path / "out",
        "microbatch": 4,
        "model": {"decoder": DECODER, "encoder": {"width": 8}},
    }
    launch.fit(RunConfig.model_validate(run), schedule, DeviceCPU())
    gc.collect()
    assert [type(one()) for one in kept] == [type(None)] * 3
