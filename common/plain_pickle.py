"""Reads and writes plain data as a pickle: RefCOCO's official files are pickles, and no file of ours is.

This is the one place that uses `pickle`. Nothing that a file names is looked up, so nothing of it runs. The unpickler
is the one in Python, whose memory grows with the file: the one in C takes 64 GiB for an index of five bytes.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from common.errors import InputError

MAX_BYTES = 64 << 20
"""Twice the largest official file."""

_Load = Callable[[Any], None]


def _flat(load: _Load) -> _Load:
    """`load` makes a tuple; one within another is refused, for a hash of a million levels ends the process."""

    def checked(self: Any) -> None:
        load(self)
        if any(isinstance(value, tuple) for value in self.stack[-1]):
            raise pickle.UnpicklingError("a tuple within a tuple")

    return checked


class _Unpickler(pickle._Unpickler):
    """Refuses whatever would need to be looked up."""

    dispatch = pickle._Unpickler.dispatch | {
        code[0]: _flat(pickle._Unpickler.dispatch[code[0]])
        for code in (pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)
    }

    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def get_extension(self, code: int) -> NoReturn:
        raise pickle.UnpicklingError(f"it names extension {code}")

    def persistent_load(self, pid: Any) -> NoReturn:
        raise pickle.UnpicklingError("it names an object elsewhere")


def load(path: Path) -> Any:
    """The data in a pickle file.

    Raises:
        InputError: it is missing, larger than `MAX_BYTES`, damaged, or holds anything but plain data.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"cannot read the file ({error.strerror})", file=path) from None
    if len(data) > MAX_BYTES:
        raise InputError(f"larger than {MAX_BYTES:,} bytes", file=path, remedy="use the official file")
    return loads(data, path)


def loads(data: bytes, path: Path) -> Any:
    """Reads a pickle like `load`, from the bytes of a file that was read already."""
    try:
        return _Unpickler(io.BytesIO(data), encoding="latin-1").load()
    except Exception as error:  # damaged bytes make an unpickler raise whatever there is
        problem = f"not plain data in a pickle ({type(error).__name__}: {error})"
        raise InputError(problem, file=path, remedy="use the official file") from None


def dumps(data: Any) -> bytes:
    """Plain data as RefCOCO's files hold it (protocol 2)."""
    return pickle.dumps(data, protocol=2)
