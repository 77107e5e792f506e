"""The whole recipe learns: a tiny model, taken from text to image-text to fine-tuning in one run, counts what it sees.

Scenes, captions and questions are the sample world's; asked is how many objects a picture has that no training data
shows. Answers alone cannot be guessed: two and three are equally frequent, and the same model asked without the
pictures stays at chance. Its export, under plain transformers, ends every answer by itself.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from streaming import MDSWriter
from tokenizers import Tokenizer
from transformers import AutoModelForImageTextToText, AutoProcessor

from demo.world import tokenizer as world_tokenizer
from demo.world.captions import NUMBER, inventory, listing
from demo.world.questions import WORDINGS
from demo.world.render import encode, render
from demo.world.scene import Scene, draw, stream
from schemas.conversation_format import END_OF_TURN, ConversationFormat
from schemas.manifest import ImageGeometry, Manifest, TokenizerIdentity
from schemas.order.learning_rate import Piece
from schemas.phases import Phase
from schemas.run_log import steps
from schemas.schedule import Schedule
from tests.helpers import ranks, small_runs, synthetic
from train.config.run_config import RunConfig
from train.evaluation.predict import Settings
from train.evaluation.scored_model import open_subject
from train.evaluation.task_runner import evaluate_tasks
from train.export.export_folder import export

torch.set_num_threads(1)

SEQ_LEN = 64
GEOMETRY = ImageGeometry(size=32, patch=16, tokens=4)
BATCH = 16
STEPS = {"text": 30, "image-text": 70, "fine-tuning": 140}
MODEL = {
    "decoder": {"width": 64, "layers": 2, "heads": 2, "kv_heads": 2, "head_width": 32, "mlp_width": 128, "tied": True},
    "encoder": {"kind": "patch", "width": 64},
}
Piece_ = tuple[list[int], list[bytes], list[int]]
"""Ids, images and loss mask of a document; whole documents are packed into windows."""


class World:
    """Documents of the three kinds, as ids."""

    def __init__(self, folder: Path) -> None:
        self.held_out = [draw(stream(1, "held-out", n)) for n in range(200)]
        unseen = {scene.layout for scene in self.held_out}
        self.scenes = [draw(stream(1, "seen", n), unseen) for n in range(1500)]
        asked = [f"USER: {wording}\nASSISTANT: {n}" for wording in WORDINGS["count"] for n in (2, 3)]
        self.tokenizer: Tokenizer = world_tokenizer.train([*self._captions("text", self.scenes), *asked])
        world_tokenizer.save(self.tokenizer, folder / "tokenizer")
        digest = hashlib.sha256((folder / "tokenizer/tokenizer.json").read_bytes()).hexdigest()
        size = self.tokenizer.get_vocab_size()
        self.identity = TokenizerIdentity(
            digest=digest, vocabulary_size=size, end_of_text_id=0, pad_id=1, image_id=size
        )

    def documents(self, kind: str, scenes: Iterable[Scene]) -> Iterator[Piece_]:
        """One for each scene."""
        if kind == "conversations":
            for number, scene in enumerate(scenes):
                wording = random.Random(number).choice(WORDINGS["count"])
                yield self._document(scene, f"USER: {wording}\nASSISTANT:", f" {len(scene.things)}")
        else:
            for scene, caption in zip(scenes, self._captions(kind, scenes), strict=True):
                yield self._document(scene if kind == "pairs" else None, "", caption)

    def _captions(self, kind: str, scenes: Iterable[Scene]) -> list[str]:
        """Says what there is in each scene, and in half of them how many: that is what will be asked."""
        found = []
        for n, scene in enumerate(scenes):
            rng = stream(1, kind, n)
            names = listing([f"a {thing.name}" for thing in scene.things])
            counted = f"{NUMBER[len(scene.things)].capitalize()} shapes: {names}."
            found.append(rng.choice((counted, f"We see {inventory(rng, scene)}.")))
        return found

    def _document(self, scene: Scene | None, said: str, answer: str) -> Piece_:
        prompt, learnt = (self.tokenizer.encode(text, add_special_tokens=False).ids for text in (said, answer))
        image = [] if scene is None else [self.identity.image_id] * GEOMETRY.tokens
        images = [] if scene is None else [encode(render(scene), "JPEG")]
        learnt = [*learnt, self.identity.image_id + 1] if said else learnt
        ids = [*image, *prompt, *learnt, self.identity.end_of_text_id]
        return ids, images, [0] * (len(image) + len(prompt)) + [1] * (len(learnt) + 1)

    @property
    def format(self) -> ConversationFormat:
        """How the questions are written."""
        return ConversationFormat(version=2, end_of_turn=END_OF_TURN, end_of_turn_id=self.identity.image_id + 1)


def write(out: Path, kind: str, world: World, scenes: list[Scene]) -> Path:
    """Pack documents into an MDS dataset with a manifest."""
    columns = {"tokens": f"ndarray:uint16:{SEQ_LEN}"}
    if kind != "text":
        columns |= {"images": "bytes", "image_lengths": "ndarray:uint32"}
    if kind == "conversations":
        columns |= {"loss_mask": f"ndarray:uint8:{SEQ_LEN}"}
    rows = 0
    with MDSWriter(out=str(out), columns=columns, size_limit=1 << 19) as writer:
        for ids, images, mask in windows(world.documents(kind, scenes)):
            row: dict[str, Any] = {
                "tokens": np.array(ids + [1] * (SEQ_LEN - len(ids)), np.uint16),
                "images": b"".join(images),
                "image_lengths": np.array([len(image) for image in images], np.uint32),
                "loss_mask": np.array(mask + [0] * (SEQ_LEN - len(ids)), np.uint8),
            }
            writer.write({name: row[name] for name in columns})
            rows += 1
    manifest = synthetic.manifest(out, kind, rows, world.identity, None if kind == "text" else GEOMETRY, SEQ_LEN)
    if kind == "conversations":
        manifest = manifest.model_copy(update={"conversation": world.format})
    (out / "manifest.json").write_text(manifest.model_dump_json())
    return out


def windows(documents: Iterable[Piece_]) -> Iterator[Piece_]:
    """As many whole documents as fit."""
    ids, images, mask = [], [], []
    for more_ids, more_images, more_mask in documents:
        if len(ids) + len(more_ids) > SEQ_LEN:
            yield ids, images, mask
            ids, images, mask = [], [], []
        ids, images, mask = ids + more_ids, images + more_images, mask + more_mask
    yield ids, images, mask


def curriculum(sources: list[Path]) -> Schedule:
    """Text; text and pairs, the rate going on and down; conversations, re-warmed."""
    first, second, third = np.cumsum([steps_ * BATCH for steps_ in STEPS.values()]).tolist()
    warm = second + 10 * BATCH
    manifest = Manifest.load(sources[0])
    billion = 1_000_000_000
    return Schedule(
        seed=7,
        seq_len=SEQ_LEN,
        global_batch=BATCH,
        tokenizer=manifest.tokenizer,
        geometry=GEOMETRY,
        conversation=Manifest.load(sources[-1]).conversation,
        sources=[synthetic.source(path) for path in sources],
        phases=[
            Phase(name="text", start=0, stop=first, shares=[billion, 0, 0], evaluate_at=[BATCH]),
            Phase(name="image-text", start=first, stop=second, shares=[billion // 4, 3 * billion // 4, 0]),
            Phase(name="fine-tuning", start=second, stop=third, shares=[0, 0, billion], evaluate_at=[second + BATCH]),
        ],
        learning_rate=[
            Piece(start=0, shape="linear", first=1e-4, last=1e-3, over=10 * BATCH),
            Piece(start=10 * BATCH, shape="linear", first=1e-3, last=5e-4, over=second - 10 * BATCH),
            Piece(start=second, shape="linear", first=1e-4, last=1e-3, over=warm - second),
            Piece(start=warm, shape="linear", first=1e-3, last=1e-4, over=third - warm),
        ],
    )


@pytest.mark.slow
def test_loss_falls_and_pictures_are_counted(tmp_path: Path) -> None:
    world = World(tmp_path)
    kinds = ("text", "pairs", "conversations")
    data = [write(tmp_path / "data" / kind, kind, world, world.scenes) for kind in kinds]
    held_out = {kind: write(tmp_path / "held" / kind, kind, world, world.held_out) for kind in kinds}
    schedule = curriculum(data)
    schedule.save(tmp_path / "schedule.json")
    changes = {"model": MODEL, "microbatch": BATCH, "checkpoint": {"every": 1000}, "log_every": 20}
    changes |= {"tokenizer": tmp_path / "tokenizer", "evaluation": {"sources": held_out}}
    run = RunConfig.model_validate(ranks.settings(tmp_path / "schedule.json", tmp_path / "out", **changes))
    small_runs.train(run, schedule)

    curves: dict[str, list[float]] = {kind: [] for kind in kinds}
    for step in steps(run.out / "metrics.jsonl"):
        for kind, loss in step.loss_by_source.items():
            curves[kind].append(loss)
    for kind, curve in curves.items():
        assert np.mean(curve[-5:]) < 0.75 * np.mean(curve[:5]), kind
    begin, *_, end = (json.loads(line)["loss"] for line in (run.out / "held_out.jsonl").read_text().splitlines())
    assert end["conversations"] < 0.2 * begin["conversations"]

    asked = [
        {"question_id": n, "image": f"{n}.jpg", "question": WORDINGS["count"][n % 2], "kind": "count",
         "answer": str(len(scene.things)), "choices": ["2", "3"]}
        for n, scene in enumerate(world.held_out)
    ]  # fmt: skip
    for n, scene in enumerate(world.held_out):
        (tmp_path / f"{n}.jpg").write_bytes(encode(render(scene), "JPEG"))
    (tmp_path / "questions.json").write_text(json.dumps(asked))
    subject = open_subject(run.out)
    (seeing,), (blind,) = (
        evaluate_tasks(subject, [("questions", tmp_path)], tmp_path / "scores", Settings(blind=blind))
        for blind in (False, True)
    )
    assert blind.score < 0.6, "the questions give nothing away"
    assert seeing.score > 0.8

    export(run.out, tmp_path / "exported")
    ended = [ids[-1] == world.format.end_of_turn_id for ids in answers(tmp_path / "exported", asked, tmp_path)]
    assert ended == [True] * len(world.held_out)


def answers(exported: Path, asked: list[dict[str, Any]], images: Path) -> Iterator[list[int]]:
    """What plain transformers generates for each question, 50 at a time, without the padding behind it."""
    processor = AutoProcessor.from_pretrained(exported, use_fast=False, trust_remote_code=True)
    model = AutoModelForImageTextToText.from_pretrained(exported, trust_remote_code=True).eval()
    for start in range(0, len(asked), 50):
        part = asked[start : start + 50]
        inputs = processor(
            text=[f"<image>USER: {one['question']}\nASSISTANT:" for one in part],
            images=[Image.open(images / one["image"]) for one in part],
            padding=True,
            return_tensors="pt",
        )
        made = model.generate(**inputs, max_new_tokens=16)[:, inputs["input_ids"].shape[1] :]
        for ids in made.tolist():
            yield [one for one in ids if one != processor.tokenizer.pad_token_id]
