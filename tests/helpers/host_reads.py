"""Counts where a GPU would make the host wait: operations that hand a device's numbers, or a size that depends on them,
to Python.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

WAITS = {
    "_local_scalar_dense",  # item, int(), float(), bool()
    "is_nonzero",
    "equal",
    "nonzero",
    "masked_select",
    "bincount",
    "_unique2",
    "unique_consecutive",
    "unique_dim",
}
COPIES = ("tolist", "numpy", "cpu")
"""Methods of a tensor that reach no dispatcher on a CPU."""


class _Counting(TorchDispatchMode):
    def __init__(self, found: Counter[str]) -> None:
        super().__init__()
        self._found = found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        masks = args[1] if name.startswith("index") and len(args) > 1 and isinstance(args[1], list | tuple) else ()
        if any(isinstance(mask, torch.Tensor) and mask.dtype == torch.bool for mask in masks):
            name = "nonzero"  # masked indexing is that, further down
        if name in WAITS or (name == "repeat_interleave" and "output_size" not in (kwargs or {})):
            self._found[name] += 1
        return func(*args, **(kwargs or {}))


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """What the host reads while it is open, by operation."""
    found: Counter[str] = Counter()
    here = threading.get_ident()  # checkpoints are written in another

    def noting(name: str, sound: Callable[..., Any]) -> Callable[..., Any]:
        def method(*arguments: Any, **options: Any) -> Any:
            if threading.get_ident() == here:
                found[name] += 1
            return sound(*arguments, **options)

        return method

    with pytest.MonkeyPatch.context() as patch, _Counting(found):
        for name in COPIES:
            patch.setattr(torch.Tensor, name, noting(name, getattr(torch.Tensor, name)))
        yield found
