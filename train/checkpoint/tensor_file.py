"""Writes and reads safetensors files in constant memory; several files may each hold some rows of the same tensors.

The package's own writer copies all tensors before the first byte is written, which would double the memory of a save.
This one writes a tensor after the other from where it lies, and digests what it writes. A file that holds rows of
larger tensors says so in its header's metadata, which other readers of the format ignore.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import xxhash
from safetensors import SafetensorError, safe_open
from torch import Tensor

from common.errors import InputError

BLOCK = 1 << 24
"""Bytes that are written and digested at a time."""
ROWS = "rows"
"""Key of the metadata: JSON, for each tensor that is cut [first row, rows of all files]."""
_TYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.float16: "F16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
REMEDY = "use another checkpoint"
Cuts = Mapping[str, tuple[int, int]]
"""For each tensor that is cut: its first row in this file, and the rows of all files."""


def write(
    tensors: Mapping[str, Tensor], file: Path, cuts: Cuts | None = None, cut_short: Callable[[], bool] = lambda: False
) -> str:
    """Write tensors that lie in main memory; returns the digest of the file (xxh3, 128 bits).

    Args:
        cut_short: is asked now and then whether to give up.

    Raises:
        OSError: the disk does not take it, or it was given up.
    """
    digest = xxhash.xxh3_128()
    with file.open("wb") as out:
        for block in blocks(tensors, cuts):
            if cut_short():
                raise OSError("given up")
            digest.update(block)
            out.write(block)
    return digest.hexdigest()


def blocks(tensors: Mapping[str, Tensor], cuts: Cuts | None = None) -> Iterator[memoryview]:
    """The bytes of the file with `tensors`, from where they lie; at most `BLOCK` at a time, and never none."""
    order = sorted(tensors, key=lambda name: (-tensors[name].element_size(), name))  # so that each is aligned
    header: dict[str, Any] = {"__metadata__": {ROWS: json.dumps(cuts)}} if cuts else {}
    end = 0
    for name in order:
        start, end = end, end + tensors[name].nbytes
        shape = list(tensors[name].shape)
        header[name] = {"dtype": _TYPES[tensors[name].dtype], "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    head = memoryview(bytearray(len(text).to_bytes(8, "little") + text))
    for part in (head, *(_content(tensors[name]) for name in order)):
        for first in range(0, len(part), BLOCK):
            yield part[first : first + BLOCK]


def _content(tensor: Tensor) -> memoryview:
    return memoryview(tensor.detach().contiguous().view(-1).view(torch.uint8).numpy())  # type: ignore[arg-type]


class _Piece(NamedTuple):
    """Rows [start, stop) of a tensor, in one file."""

    start: int
    stop: int
    file: Any
    path: Path


class TensorFiles(Mapping[str, Tensor]):
    """The tensors of one or several files; rows are read when they are asked for, whichever files hold them.

    Raises:
        InputError: a file is damaged or missing, or rows are.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._pieces: dict[str, list[_Piece]] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        for path in paths:
            try:
                self._open(path)
            except (OSError, SafetensorError, ValueError) as error:
                raise InputError(f"damaged or missing tensors ({error})", file=path, remedy=REMEDY) from None
        for name, pieces in self._pieces.items():
            pieces.sort(key=lambda piece: (piece.start, piece.stop))
            ends = [0, *(piece.stop for piece in pieces)]
            whole = (self._shapes[name] or (1,))[0]
            if [piece.start for piece in pieces] != ends[:-1] or ends[-1] != whole:
                raise InputError(f"rows of '{name}' are missing", file=paths[0], remedy=REMEDY)

    def _open(self, path: Path) -> None:
        file = safe_open(path, "pt")  # type: ignore[no-untyped-call]
        cuts = json.loads((file.metadata() or {}).get(ROWS, "{}"))
        for name in file.keys():  # noqa: SIM118 - no mapping
            shape = tuple(file.get_slice(name).get_shape())
            rows = shape[0] if shape else 1
            start, total = cuts.get(name, (0, rows))
            self._pieces.setdefault(name, []).append(_Piece(start, start + rows, file, path))
            self._shapes[name] = (total, *shape[1:]) if shape else ()

    def __len__(self) -> int:
        return len(self._pieces)

    def __iter__(self) -> Iterator[str]:
        return iter(self._pieces)

    def __getitem__(self, name: str) -> Tensor:
        shape = self._shapes[name]
        return self.rows(name, 0, shape[0]) if shape else self._read(name, self._pieces[name][0], None)

    def shape(self, name: str) -> tuple[int, ...] | None:
        """The shape of the whole tensor; None if there is none of this name."""
        return self._shapes.get(name)

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """Rows [start, stop) of a tensor."""
        pieces = self._pieces[name]
        held = [piece for piece in pieces if max(start, piece.start) < min(stop, piece.stop)]
        parts = [self._read(name, piece, (max(start, piece.start), min(stop, piece.stop))) for piece in held]
        if not parts:
            return self._read(name, pieces[0], (pieces[0].start, pieces[0].start))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    @staticmethod
    def _read(name: str, piece: _Piece, rows: tuple[int, int] | None) -> Tensor:
        try:
            if rows is None or rows == (piece.start, piece.stop):
                return piece.file.get_tensor(name)  # type: ignore[no-any-return]
            first, stop = (row - piece.start for row in rows)
            return piece.file.get_slice(name)[first:stop]  # type: ignore[no-any-return]
        except (OSError, SafetensorError) as error:
            raise InputError(f"damaged tensors ({error})", file=piece.path, remedy=REMEDY) from None
