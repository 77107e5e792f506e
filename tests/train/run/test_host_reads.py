"""A GPU is asked for no number in a micro-batch, and twice in a step: for the step's facts and the gradients' norm."""

from collections import Counter
from typing import Any

import pytest
import torch
from composer import Trainer
from composer.core import Engine, Event

from tests.helpers import host_reads, small_runs, synthetic


def test_what_is_counted() -> None:
    with host_reads.counted() as found:
        x = torch.arange(4.0)
        x[x > 1].sum().item()
        x.tolist()
        bool(x[0] > 1)
        torch.bincount(x.long(), minlength=9)
        x.index_select(0, torch.tensor([1, 2])).exp()
    assert found == {"nonzero": 1, "_local_scalar_dense": 2, "tolist": 1, "bincount": 1}


@pytest.mark.parametrize("recompute", [False, True])
def test_a_step_reads_twice_however_many_micro_batches_it_has(tmp_path, monkeypatch, recompute):
    schedule = synthetic.schedule(tmp_path, lengths=(16, 16, 16), freeze=("encoder",))
    microbatch, event = Trainer._train_microbatch, Engine.run_event
    inside: Counter[str] = Counter()
    steps: dict[int, Counter[str]] = {}

    def train_microbatch(self: Trainer, *arguments: Any) -> Any:
        with host_reads.counted() as found:
            out = microbatch(self, *arguments)
        inside.update(found)
        inside["micro-batches"] += 1
        return out

    def run_event(self: Engine, which: Event | str) -> Any:
        if which not in (Event.AFTER_TRAIN_BATCH, Event.BATCH_END):
            return event(self, which)
        with host_reads.counted() as found:
            out = event(self, which)
        steps.setdefault(int(self.state.timestamp.batch) - (which is Event.BATCH_END), Counter()).update(found)
        return out

    monkeypatch.setattr(Trainer, "_train_microbatch", train_microbatch)
    monkeypatch.setattr(Engine, "run_event", run_event)
    small_runs.train(small_runs.config(tmp_path / "out", microbatch=3, recompute=recompute), schedule)
    assert inside == {"micro-batches": 3 * len(steps)}
    assert list(steps.values()) == [{"tolist": 1, "_local_scalar_dense": 1}] * 6
