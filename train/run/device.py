"""Chooses the device of a rank."""

from __future__ import annotations

import os

import torch
from composer.devices import Device, DeviceCPU, DeviceGPU
from composer.utils import dist

from common.errors import InputError


def choose_device(patience: float = 0.0) -> Device:
    """CUDA where there is one (several ranks take theirs by number, a single one torch's current), else the CPU.

    Process groups are started for it. Ranks wait for each other for longer than the loader has `patience` (s) with a
    remote, so that it says why they end.

    Raises:
        InputError: the port at which the ranks are to meet is taken.
    """
    device: Device = DeviceCPU()
    if torch.cuda.is_available():
        # Composer would give GPU 0 to every process that is alone, all workers of a sweep among them.
        device = DeviceGPU(torch.cuda.current_device() if dist.get_world_size() == 1 else None)
    try:
        dist.initialize_dist(device, timeout=max(600.0, patience + 300.0))
    except RuntimeError as error:
        if "EADDRINUSE" not in str(error):
            raise
        port = os.environ.get("MASTER_PORT", "")
        remedy = "take another: composer --master_port PORT (or MASTER_PORT), the same on all nodes"
        raise InputError(f"port {port} is taken on this machine", field="--master_port", remedy=remedy) from None
    return device
