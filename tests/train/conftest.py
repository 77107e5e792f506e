"""Models this small gain nothing from threads, and threads that wait for each other lose much on a busy machine."""

import torch

torch.set_num_threads(1)
