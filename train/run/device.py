"""Chooses the device of a rank."""

from __future__ import annotations

import torch
from composer.devices import Device, DeviceCPU, DeviceGPU
from composer.utils import dist


def choose_device(patience: float = 0.0) -> Device:
    """CUDA where there is one (several ranks take theirs by number, a single one torch's current), else the CPU.

    Process groups are started for it. Ranks wait for each other for longer than the loader has `patience` (s) with a
    remote, so that it says why they end.
    """
    device: Device = DeviceCPU()
    if torch.cuda.is_available():
        # Composer would give GPU 0 to every process that is alone, all workers of a sweep among them.
        device = DeviceGPU(torch.cuda.current_device() if dist.get_world_size() == 1 else None)
    dist.initialize_dist(device, timeout=max(600.0, patience + 300.0))
    return device
