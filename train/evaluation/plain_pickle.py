"""Data out of a pickle without running it: lists, dicts, tuples, text and numbers, and nothing else.

RefCOCO's official files are pickles. `pickle.load` runs whatever a file tells it to, so it is never used; this reads
the opcodes as data, and any that could name or call something (GLOBAL, REDUCE, BUILD, ...) is refused.
"""

from __future__ import annotations

import pickletools
from pathlib import Path
from typing import Any

from common.errors import InputError

_MARK = object()
_PUSHED: dict[str, Any] = {
    "NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_LIST": [], "EMPTY_DICT": {}, "EMPTY_TUPLE": ()
}  # fmt: skip
_ARGUMENT = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
}  # fmt: skip
_IGNORED = {"PROTO", "FRAME"}


def load(path: Path) -> Any:
    """The data in a pickle file.

    Raises:
        InputError: it is missing, damaged, or holds anything but plain data.
    """
    try:
        return _read(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read the file ({error.strerror})", file=path) from None
    except (ValueError, IndexError, KeyError, TypeError) as error:
        raise InputError(f"not plain data in a pickle ({error})", file=path, remedy="use the official file") from None


def _read(data: bytes) -> Any:
    stack: list[Any] = []
    memory: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name in _IGNORED:
            continue
        if name == "STOP":
            return stack.pop()
        if name == "MARK":
            stack.append(_MARK)
        elif name in _PUSHED:
            value = _PUSHED[name]
            stack.append(type(value)() if isinstance(value, list | dict) else value)
        elif name in _ARGUMENT:
            stack.append(argument)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memory[int(str(argument))] = stack[-1]
        elif name == "MEMOIZE":
            memory[len(memory)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memory[int(str(argument))])
        elif name in ("APPEND", "SETITEM"):
            values = [stack.pop() for _ in range(1 if name == "APPEND" else 2)][::-1]
            _add(stack[-1], values)
        elif name in ("APPENDS", "SETITEMS"):
            values = _to_mark(stack)
            _add(stack[-1], values)
        elif name == "LIST":
            stack.append(_to_mark(stack))
        elif name == "DICT":
            found: dict[Any, Any] = {}
            _add(found, _to_mark(stack))
            stack.append(found)
        elif name == "TUPLE":
            stack.append(tuple(_to_mark(stack)))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            stack.append(tuple([stack.pop() for _ in range(int(name[-1]))][::-1]))
        else:
            raise ValueError(f"opcode {name}")
    raise ValueError("no end")


def _to_mark(stack: list[Any]) -> list[Any]:
    values: list[Any] = []
    while (value := stack.pop()) is not _MARK:
        values.append(value)
    return values[::-1]


def _add(container: Any, values: list[Any]) -> None:
    if isinstance(container, list):
        container.extend(values)
    elif isinstance(container, dict):
        container.update(zip(values[::2], values[1::2], strict=True))
    else:
        raise ValueError(f"items for a {type(container).__name__}")
