"""Brings files of ranks that do not see the checkpoint's folder to rank 0, which writes them there.

Nodes whose ranks share a model need not share a disk. A block at a time goes over the network, in the background of
both sides, so neither holds more than its own share. What arrives is digested and compared with what was sent.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import torch
import xxhash
from torch import Tensor

from common import atomic_files
from train.checkpoint import tensor_file

_FAILED = -1
"""In place of a message's length: the sender has given up."""


class File(NamedTuple):
    """The tensors of a file, in main memory, and which rows they are where they are cut."""

    tensors: Mapping[str, Tensor]
    cuts: tensor_file.Cuts


class Relay:
    """The way from `senders` to rank 0, for one thread of each rank at a time.

    Args:
        group: a process group of all ranks that nothing else uses; its collectives must wait for hours.
        rank: this one's number.
    """

    def __init__(self, group: Any, rank: int, senders: frozenset[int]) -> None:
        self._group, self.senders = group, senders
        self.sends = rank in senders

    def send(self, files: Mapping[str, File], cut_short: Callable[[], bool]) -> None:
        """Send the content of `files`; rank 0 calls `receive` for each sender, whatever happens.

        Args:
            cut_short: is asked now and then whether to give up.

        Raises:
            OSError: it was given up.
            RuntimeError: rank 0 is gone.
        """
        for name, (tensors, cuts) in files.items():
            digest = xxhash.xxh3_128()
            self._say(name)
            for block in tensor_file.blocks(tensors, cuts):
                if cut_short():
                    self._length(_FAILED)
                    raise OSError("given up")
                digest.update(block)
                self._length(len(block))
                self._group.send([torch.frombuffer(block, dtype=torch.uint8)], 0, 0).wait()
            self._length(0)
            self._say(digest.hexdigest())
        self._length(0)

    def receive(self, sender: int, folder: Path | None) -> dict[str, str]:
        """Write what `sender` sends to `folder`, or nowhere; returns the files' digests.

        Takes all that is sent even if it cannot be written, so that the sender comes to its end.

        Raises:
            OSError: the disk did not take it, the sender has given up, or something else arrived than was sent.
            RuntimeError: the sender is gone.
        """
        digests: dict[str, str] = {}
        problem: OSError | None = None
        while (name := self._heard(sender)) is not None:
            digest = xxhash.xxh3_128()
            with contextlib.ExitStack() as held:
                out: BinaryIO | None = None
                for block in self._blocks(sender):
                    digest.update(block)
                    if folder is None or problem is not None:
                        continue
                    try:
                        out = out or held.enter_context((folder / name).open("wb"))
                        out.write(block)
                    except OSError as error:
                        problem = error
            digests[name] = digest.hexdigest()
            if self._heard(sender) != digests[name]:
                problem = problem or OSError(f"{name} of rank {sender} arrived otherwise than it was sent")
        if problem is not None:
            raise problem
        if folder is not None:
            for name in digests:
                atomic_files.flush(folder / name)
        return digests

    def _say(self, text: str) -> None:
        content = json.dumps(text).encode()
        self._length(len(content))
        self._group.send([torch.frombuffer(bytearray(content), dtype=torch.uint8)], 0, 0).wait()

    def _length(self, length: int) -> None:
        self._group.send([torch.tensor([length])], 0, 0).wait()

    def _heard(self, sender: int) -> str | None:
        """The text that comes next; None at the end."""
        content = next(self._blocks(sender, most=1), None)
        return None if content is None else json.loads(bytes(content))

    def _blocks(self, sender: int, most: int | None = None) -> Iterator[memoryview]:
        """Yields what comes next, to its end or `most` messages; each is overwritten by the next."""
        length, buffer = torch.zeros(1, dtype=torch.int64), torch.empty(0, dtype=torch.uint8)
        while most is None or most > 0:
            self._group.recv([length], sender, 0).wait()
            size = int(length)
            if size == _FAILED:
                raise OSError(f"rank {sender} could not send its part")
            if not size:
                return
            if len(buffer) < size:
                buffer = torch.empty(size, dtype=torch.uint8)
            self._group.recv([buffer[:size]], sender, 0).wait()
            yield memoryview(buffer[:size].numpy())  # type: ignore[arg-type]
            most = most and most - 1
