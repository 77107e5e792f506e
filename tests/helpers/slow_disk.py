"""`train/main.py` on a disk that takes SECONDS for each file of a checkpoint, with collectives that wait for TIME_OUT.

`composer -n N tests/helpers/slow_disk.py RUN.yaml`; in life the time-out is ten minutes.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path[0] = str(Path(__file__).resolve().parents[2])

from composer.devices import DeviceCPU  # noqa: E402
from composer.utils import dist  # noqa: E402

from train.checkpoint import tensor_file  # noqa: E402
from train.main import main  # noqa: E402
from train.run import launch  # noqa: E402

sound = tensor_file.write


def slow(*arguments: Any, **options: Any) -> str:
    """Write after a while."""
    time.sleep(float(os.environ["SECONDS"]))
    return sound(*arguments, **options)


def choose_device(patience: float = 0.0) -> DeviceCPU:
    """The CPU, with a process group that does not wait for long."""
    device = DeviceCPU()
    dist.initialize_dist(device, timeout=float(os.environ["TIME_OUT"]))
    return device


tensor_file.write = slow
launch.choose_device = choose_device
sys.exit(main())
