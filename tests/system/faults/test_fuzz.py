"""Bytes of a stranger go into every reader: each answers, or refuses by an error of its own, and in time.

Hypothesis damages whole files, a byte or a piece at a time, each time the same ones. What once failed lies in
`corpus/READER/` and is tried first; `SWITCHPOINT_FUZZ=SECONDS pytest -m soak` of this file goes on for so long for each
reader, prints its seed, and puts what fails there. An input that ends the process is found there, too, as `last`.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from common import plain_pickle, yaml_file
from common.errors import InputError
from dataprep.images.inspect import ImageError, ImageLimits, inspect
from dataprep.storage import foreign_parquet
from dataprep.tar.read import samples
from dataprep.tar.write import write_tar
from dataprep.text.config import TextJob
from dataprep.text.read import documents
from schemas.manifest import Manifest
from schemas.run_log import steps
from schemas.schedule import Schedule
from tests.helpers import synthetic
from tests.helpers.pictures import saved

CORPUS = Path(__file__).parent / "corpus"
SECONDS = float(os.environ.get("SWITCHPOINT_FUZZ", "20"))
LIMIT_S = 10.0
"""CPU seconds that a file of some kilobytes may take: a thousand times what one does."""
Read = Callable[[Path], object]


def _picture(kind: str, **options: object) -> bytes:
    grey = np.random.default_rng(1).integers(0, 255, (20, 30, 3), np.uint8)
    return saved(Image.fromarray(grey), kind, **options)


def _parquet() -> bytes:
    sink = pa.BufferOutputStream()
    table = pa.table({"text": [f"row {n}" for n in range(40)], "n": list(range(40))})
    pq.write_table(table, sink, row_group_size=15, write_page_checksum=True)
    return bytes(sink.getvalue())


def _tar() -> bytes:
    out = io.BytesIO()
    write_tar(out, [("a.jpg", b"picture"), ("a.json", b'{"uid": "1"}'), ("b.jpg", b"x" * 600)])
    return out.getvalue()


def _schedule(folder: Path) -> bytes:
    made = synthetic.schedule(folder, lengths=(16, 8, 8))
    made.save(folder / "schedule.json")
    return (folder / "schedule.json").read_bytes()


def _manifest(folder: Path) -> bytes:
    return (synthetic.write(folder, "text", 20) / "manifest.json").read_bytes()


def _read_parquet(path: Path) -> object:
    with pa.OSFile(str(path)) as stream:
        parquet = foreign_parquet.opened(stream)
        return [batch.num_rows for batch in foreign_parquet.batches(parquet, 7, ["text"])]


def _read_tar(path: Path) -> object:
    with path.open("rb") as tar:
        return [[one.read(tar) for one in sample.members.values()] for sample in samples(tar, "t")]


def _read_text(path: Path) -> object:
    where = {"inputs": str(path), "out": str(path.parent / "out"), "tokenizer": "none", "unreadable": "reject"}
    job = TextJob.model_construct(**{**{n: f.get_default() for n, f in TextJob.model_fields.items()}, **where})
    return list(documents(str(path), job))


def _read_manifest(path: Path) -> object:
    return Manifest.parse(path.read_bytes(), path)


_REFUSALS: dict[str, tuple[type[Exception], ...]] = {
    "picture": (ImageError,),
    "parquet": (OSError, pa.ArrowException, UnicodeDecodeError),
}
_READERS: dict[str, tuple[Callable[[Path], list[bytes]], Read]] = {
    "picture": (
        lambda folder: [
            *(_picture(kind) for kind in ("JPEG", "PNG", "WEBP", "GIF")),
            _picture("JPEG", progressive=True),
        ],
        lambda path: inspect(path.read_bytes(), ImageLimits(), decode=True),
    ),
    "parquet": (lambda folder: [_parquet()], _read_parquet),
    "tar": (lambda folder: [_tar()], _read_tar),
    "text": (lambda folder: [b'{"text": "a"}\n\n{"text": "b", "n": 1}\n' * 9, _parquet()], _read_text),
    "yaml": (
        lambda folder: [b"inputs: [a, b]\nout: &x o\nseed: 1\nextra: {a: *x, b: 'q'}\n"],
        lambda path: yaml_file.compose(path),
    ),
    "pickle": (
        lambda folder: [plain_pickle.dumps([{"a": 1, "b": [1.5, "x", None]}])],
        lambda path: plain_pickle.loads(path.read_bytes(), path),
    ),
    "schedule": (lambda folder: [_schedule(folder)], Schedule.load),
    "manifest": (lambda folder: [_manifest(folder)], _read_manifest),
    "run log": (lambda folder: [b'{"step": 1, "position": 8}\n' * 3], lambda path: list(steps(path))),
}
"""Reader: whole files, and how one is read."""


_ODD = (b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"-1", b"1e999", b"{", b"[", b'"', b"\n", b"\x80" * 8)


def damaged(data: bytes, dice: Any) -> bytes:
    """`data` with one to four pieces flipped, cut, moved, repeated or replaced by odd numbers and texts."""
    found = bytearray(data)
    for _ in range(dice.randint(1, 4)):
        at = dice.randint(0, len(found))
        size = dice.choice((1, 2, 4, 8, 64, 512))
        odd = dice.choice(
            (b"\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"-1", b"1e999", b"{", b"[", b'"', b"\n", b"\x80" * 8)
        )
        kind = dice.randrange(6)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            del found[at : at + size]
        elif kind == 2:
            found[at : at + len(odd)] = odd
        elif kind == 3:
            found[at:at] = odd * dice.choice((1, 1, 1, 300))
        elif kind == 4:
            found[at:at] = found[at : at + size] * dice.choice((1, 2, 50))
        else:
            del found[at:]
    return bytes(found)


@pytest.fixture(scope="module", params=_READERS)
def reader(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[bytes], Read]:
    """A reader's name, whole files of it, and how it reads one."""
    seeds, read = _READERS[request.param]
    folder = tmp_path_factory.mktemp("fuzz")
    whole, path = seeds(folder), folder / "whole"
    for data in whole:
        path.write_bytes(data)
        if request.param != "run log":  # of a log of nothing but a step and a position, every line is refused
            read(path)
    return request.param, whole, read


def answers(name: str, read: Read, path: Path, data: bytes) -> None:
    """Read `data`: an answer, or a refusal of the reader's own, in time."""
    path.write_bytes(data)
    began, said = time.process_time(), ""
    try:
        read(path)
    except _REFUSALS.get(name, (InputError,)) as refusal:
        said = str(refusal) if isinstance(refusal, InputError) else ""
    assert said.isprintable(), said
    assert time.process_time() - began < LIMIT_S


def test_what_once_failed_does_so_no_more(reader: tuple[str, list[bytes], Read], tmp_path: Path) -> None:
    name, _, read = reader
    for found in sorted((CORPUS / name).glob("*")):
        answers(name, read, tmp_path / "file", found.read_bytes())


@settings(max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(dice=st.randoms(use_true_random=False), which=st.integers(0, 99))
def test_damage_is_refused_or_harmless(reader: tuple[str, list[bytes], Read], dice: Any, which: int) -> None:
    name, whole, read = reader
    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"switchpoint-fuzz-{os.getpid()}"
    try:
        answers(name, read, path, damaged(whole[which % len(whole)], dice))
    finally:
        path.unlink(missing_ok=True)


@pytest.mark.soak
def test_damage_for_as_long_as_one_likes(reader: tuple[str, list[bytes], Read], tmp_path: Path) -> None:
    name, whole, read = reader
    seed = int(os.environ.get("SWITCHPOINT_SEED", str(random.randrange(1 << 30))))
    dice, tried, ends = random.Random(seed), 0, time.monotonic() + SECONDS
    last = CORPUS / name / "last"
    last.parent.mkdir(parents=True, exist_ok=True)
    while time.monotonic() < ends:
        data = damaged(dice.choice(whole), dice)
        try:
            answers(name, read, last, data)
        except BaseException:
            (CORPUS / name / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
            raise
        finally:
            last.unlink(missing_ok=True)
        tried += 1
    print(json.dumps({"reader": name, "seed": seed, "tried": tried}))
    assert tried
