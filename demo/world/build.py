"""Make a world: write everything into a sibling directory and rename it into place at the end.

The rename is the commit. A generator that was killed leaves a `.NAME.PID.partial` directory, which the next run for
the same place sweeps away once that process is gone; it never leaves half a world under the name that was asked for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import zlib
from collections.abc import Iterator
from pathlib import Path

from common.errors import InputError
from demo.world import datacomp, dclm, held_out, llava, tokenizer
from demo.world.server import HOST
from demo.world.world import WORLD_NAME, Counts, Options, World

_TOKENIZER_DOCUMENTS = 3000


def build(out: Path, options: Options, port: int | None = None) -> World | None:
    """Make the world `options` at `out`, its image URLs naming `port` (default: a free one that follows from the seed).

    Returns:
        The world; None if it stood there already.

    Raises:
        InputError: `out` holds something else.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not (out / WORLD_NAME).is_file():
            raise InputError("something that is no world stands here", file=out, remedy="give a new directory")
        _check_same(World.load(out), out, options, port)
        return None
    with _staging(out) as root:
        world = _write(root, options, _free_port(options.seed) if port is None else port)
        (root / WORLD_NAME).write_text(world.model_dump_json(indent=1), encoding="utf-8")
        root.rename(out)
    return world


def _write(root: Path, options: Options, port: int) -> World:
    seed = options.seed
    unseen = held_out.scenes(options.held_out, seed)
    excluded = frozenset(scene.layout for scene in unseen)
    oddities = dclm.write(root, options.documents, seed, excluded)
    pairs = datacomp.write(root, options.scenes, seed, port, excluded)
    conversations = llava.write(root, options.conversations, seed, excluded)
    questions = held_out.write(root, unseen, seed)
    bpe = tokenizer.train([*dclm.texts(root, _TOKENIZER_DOCUMENTS), *pairs.captions, *llava.prompts(root)])
    tokenizer.save(bpe, root / "tokenizer")
    return World(
        options=options,
        port=port,
        counts=Counts(
            documents=options.documents,
            metadata_rows=pairs.metadata_rows,
            synthetic_rows=pairs.synthetic_rows,
            conversations=options.conversations,
            text_only_conversations=conversations.text_only,
            training_questions=conversations.questions,
            held_out_documents=held_out.DOCUMENTS,
            held_out_questions=questions,
            vocabulary=bpe.get_vocab_size(),
        ),
        defects=[*oddities, *pairs.defects, *conversations.defects],
    )


def _check_same(world: World, out: Path, options: Options, port: int | None) -> None:
    old, new = world.options.model_dump(), options.model_dump()
    if port is not None:
        old["port"], new["port"] = world.port, port
    if different := [f"{name} {old[name]} (asked for: {new[name]})" for name in old if old[name] != new[name]]:
        problem = f"a world with other options stands here: {', '.join(different)}"
        raise InputError(problem, file=out, remedy="give another directory, or remove this one")


@contextlib.contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A fresh sibling directory of `out`, removed unless it was renamed; leftovers of dead processes are swept."""
    out.parent.mkdir(parents=True, exist_ok=True)
    for leftover in out.parent.glob(f".{out.name}.*.partial"):
        pid = leftover.name.removesuffix(".partial").rpartition(".")[2]
        if pid.isdecimal() and not _is_alive(int(pid)):
            shutil.rmtree(leftover, ignore_errors=True)
    root = out.parent / f".{out.name}.{os.getpid()}.partial"
    root.mkdir()
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it lives, and is somebody else's
        return True
    return True


def _free_port(seed: int) -> int:
    """The first free port from one that follows from `seed`, below the range that systems hand out by themselves."""
    start = 20_000 + zlib.crc32(str(seed).encode()) % 10_000
    for port in range(start, start + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise InputError(f"no free port from {start} to {start + 99}", remedy="name one with --port")
