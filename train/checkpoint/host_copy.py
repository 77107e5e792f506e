"""Copies tensors to main memory, into one buffer that every save of a run uses again.

Training may change the tensors as soon as the copy is made. The buffer has exactly the size of what is saved; on a GPU
host its pages are locked, so that the copy runs at the speed of the bus. (torch's own pinned memory would be rounded up
to a power of two.)
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor

_ALIGNED = 64
Key = TypeVar("Key")


class HostCopy:
    """The values that tensors had when `take` was called; the next call overwrites them."""

    def __init__(self) -> None:
        self._buffer = torch.empty(0, dtype=torch.uint8)
        self._locked = False

    def reserve(self, size: int) -> None:
        """Have room for `size` bytes; what was copied before is given up if the buffer has to grow."""
        if len(self._buffer) >= size:
            return
        self.release()
        self._buffer = torch.empty(size, dtype=torch.uint8)
        if torch.cuda.is_available():
            failed = int(torch.cuda.cudart().cudaHostRegister(self._buffer.data_ptr(), size, 0))
            self._locked = not failed
            if failed:
                warnings.warn(f"{size:,} bytes of main memory cannot be locked: saves take longer", stacklevel=2)

    def take(self, tensors: Mapping[Key, Tensor]) -> dict[Key, Tensor]:
        """Copies of `tensors` in main memory."""
        places = {}
        end = 0
        for name, tensor in tensors.items():
            places[name] = end
            end += -(-tensor.nbytes // _ALIGNED) * _ALIGNED
        self.reserve(end)
        copies = {}
        for name, tensor in tensors.items():
            stretch = self._buffer[places[name] : places[name] + tensor.nbytes]
            copies[name] = stretch.view(tensor.dtype).view(tensor.shape)
            copies[name].copy_(tensor.detach(), non_blocking=self._locked)
        if self._locked:
            torch.cuda.synchronize()
        return copies

    def release(self) -> None:
        """Give the memory back."""
        if self._locked:
            torch.cuda.cudart().cudaHostUnregister(self._buffer.data_ptr())
        self._buffer, self._locked = torch.empty(0, dtype=torch.uint8), False
