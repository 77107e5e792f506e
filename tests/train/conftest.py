"""Models this small gain nothing from threads, and threads that wait for each other lose much on a busy machine."""

from collections.abc import Iterator

import pytest
import torch
import torch.distributed

torch.set_num_threads(1)


ALONE = {"RANK": 0, "LOCAL_RANK": 0, "NODE_RANK": 0, "WORLD_SIZE": 1, "LOCAL_WORLD_SIZE": 1}


@pytest.fixture
def group(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process group of this process alone; the one that an earlier test's trainer left behind does as well."""
    for name, value in ALONE.items():  # Composer asks for them wherever there is a process group
        monkeypatch.setenv(name, str(value))
    if torch.distributed.is_initialized():
        yield
        return
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()
