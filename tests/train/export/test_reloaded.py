"""Exports as a stranger loads them: a fresh process without this project, one prompt alone and four at once."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.checkpoints import FUSED, PATCH, SIGLIP, TURNS, checkpoint, end_turns
from tests.helpers.commands import ROOT
from train.evaluation.generation import Stem, answer
from train.evaluation.scored_model import open_subject
from train.export.export_folder import export
from train.loader.rows.decode import decode_image
from train.models.towers import normalise

STRANGER = ROOT / "tests/helpers/load_exports.py"
QUESTIONS = ["a?", "what is this thing?", "b", "what?"]
MAX_TOKENS = 12
KINDS: dict[str, dict[str, Any]] = {
    "llama": {"decoder": {"family": "llama"}, "conversation": TURNS},
    "qwen3-version-1": {},
    "qwen3-tied": {"decoder": {"tied": True}, "conversation": TURNS},
    "siglip": {"encoder": SIGLIP, "conversation": TURNS},
    "siglip-tied-version-1": {"encoder": SIGLIP, "decoder": {"tied": True}},
    "patch": {"encoder": PATCH, "conversation": TURNS},
    "patch-tied": {"encoder": PATCH, "decoder": {"tied": True}, "conversation": TURNS},
    "fused": {"encoder": FUSED, "conversation": TURNS},
}


def strangers(folders: list[Path], path: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What a process finds in exports that has only `path` before its installed packages."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path:
        environment["PYTHONPATH"] = os.pathsep.join(map(str, path))
    where = folders[0].parent
    said = subprocess.run(
        [sys.executable, str(STRANGER), *map(str, folders)], cwd=where, capture_output=True, text=True,
        env={**environment, "HF_MODULES_CACHE": str(where / "modules")},
    )  # fmt: skip
    assert said.returncode == 0, said.stderr[-3000:]
    found: dict[str, Any] = json.loads(said.stdout.splitlines()[-1])
    return found


def made(folder: Path, kind: str) -> dict[str, Any]:
    """Export a checkpoint of `kind` to `folder`/hf; what its own model makes of the questions, also as a file."""
    folder.mkdir()
    torch.manual_seed(5)
    out = checkpoint(folder, **KINDS[kind])
    subject = open_subject(out)
    pictures = [np.random.default_rng(seed).integers(0, 256, (24, 20, 3), np.uint8) for seed in range(len(QUESTIONS))]
    pixels = np.empty((len(QUESTIONS), 0, 3, 1, 1), np.uint8)
    if subject.geometry is not None:
        pixels = np.stack([decode_image(_png(one), subject.geometry.size)[None] for one in pictures])
    encoder = subject.encoder(blind=subject.geometry is None)
    stems = [Stem(row, encoder.stem(question, subject.geometry is not None)) for row, question in enumerate(QUESTIONS)]
    if subject.conversation.end_of_turn_id is not None:
        end_turns(out, subject, stems, pixels, MAX_TOKENS)
        subject = open_subject(out)
    export(out, folder / "hf")
    with torch.no_grad():
        logits = [
            subject.logits(torch.tensor([one.ids]), torch.from_numpy(pixels[one.item]))[0].tolist() for one in stems
        ]
    said = {
        "questions": QUESTIONS,
        "max_tokens": MAX_TOKENS,
        "pictures": [one.tolist() for one in pictures],
        "pixels": normalise(torch.from_numpy(pixels[:, 0])).tolist() if subject.geometry else None,
        "ids": [one.ids for one in stems],
        "logits": logits,
        "texts": [answer(subject, [one], lambda item: pixels[item], MAX_TOKENS)[0] for one in stems],
    }
    (folder / "made.json").write_text(json.dumps(said))
    return said


def _png(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, dict[str, Any]]:
    """What the exporter's own models say, by the folder of each kind."""
    root = tmp_path_factory.mktemp("exports")
    return {root / kind: made(root / kind, kind) for kind in KINDS}


@pytest.fixture(scope="module")
def theirs(ours: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    """What a stranger finds in the same folders."""
    return strangers(list(ours))


def check(mine: dict[str, Any], other: dict[str, Any]) -> None:
    """Everything that an export promises to whoever loads it."""
    assert other["together"] == other["alone"]
    assert other["ids"] == mine["ids"]
    for first, second in zip(mine["logits"], other["logits"], strict=True):
        assert (torch.tensor(first) - torch.tensor(second)).abs().max() < 1e-4
    if len(other["eos"]) == 2:  # version 1 has no id that ends an answer
        assert other["eos"] == [TURNS.end_of_turn_id, 0]
        assert any(ids[-1] == TURNS.end_of_turn_id for ids in other["alone"])
        assert [text.strip() for text in other["texts"]] == mine["texts"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stranger_gets_the_same_answers_alone_and_in_batches_and_they_end(
    ours: dict[Path, dict[str, Any]], theirs: dict[str, Any], kind: str
) -> None:
    check({path.name: one for path, one in ours.items()}[kind], theirs["found"][kind])


@pytest.fixture(scope="module")
def transformers_5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with transformers 5 and what it needs, torch aside."""
    folder = tmp_path_factory.mktemp("transformers-5")
    asked = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "transformers>=5,<6"]
    done = subprocess.run(asked, capture_output=True, text=True)
    if not (folder / "transformers").is_dir():
        pytest.skip(f"transformers 5 cannot be installed here: {done.stderr.strip()[-200:]}")
    return folder


@pytest.mark.soak
def test_the_same_under_transformers_5(ours: dict[Path, dict[str, Any]], transformers_5: Path) -> None:
    theirs = strangers(list(ours), (transformers_5,))
    assert theirs["version"].startswith("5.")
    for path, mine in ours.items():
        check(mine, theirs["found"][path.name])


def test_files_have_the_mode_that_new_files_get(tmp_path: Path) -> None:
    for mask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        before = os.umask(mask)
        try:
            (tmp_path / oct(mask)).mkdir()
            out = checkpoint(tmp_path / oct(mask), encoder=PATCH)
            export(out, tmp_path / oct(mask) / "hf")
        finally:
            os.umask(before)
        (saved,) = (out / "checkpoints").iterdir()
        for file in [*saved.iterdir(), *(tmp_path / oct(mask) / "hf").iterdir()]:
            assert file.stat().st_mode & 0o777 == mode, file
