"""What no training file contains: pictures of unseen layouts with questions and captions, and text on other pictures.

The layouts are drawn first and passed to everything else, which draws around them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from demo.world import dclm, official
from demo.world.asking import Asker
from demo.world.captions import synthetic
from demo.world.questions import Question
from demo.world.render import encode, render
from demo.world.scene import Layout, Scene, draw, stream

QUESTIONS_A_SCENE = 4
DOCUMENTS = 200


def scenes(number: int, seed: int) -> list[Scene]:
    """Draw `number` scenes of different layouts."""
    taken: set[Layout] = set()
    found = []
    for index in range(number):
        scene = draw(stream(seed, "held-out", index), taken)
        taken.add(scene.layout)
        found.append(scene)
    return found


def write(root: Path, found: list[Scene], seed: int) -> int:
    """Write questions (in the official forms too), captions and pictures of the scenes `found`, and documents.

    Returns:
        The number of questions.
    """
    folder = root / "held_out"
    (folder / "images").mkdir(parents=True)
    asker = Asker()
    questions: list[dict[str, Any]] = []
    captions: list[dict[str, Any]] = []
    asked: list[list[Question]] = []
    for index, scene in enumerate(found):
        rng = stream(seed, "held-out questions", index)
        image = f"images/{index:06d}.jpg"
        (folder / image).write_bytes(encode(render(scene), "JPEG", quality=90))
        captions.append({"image": image, "captions": synthetic(rng, scene)})
        asked.append(asker.separate(rng, scene, QUESTIONS_A_SCENE))
        for question in asked[-1]:
            questions.append(
                {
                    "question_id": len(questions),
                    "image": image,
                    "question": question.text,
                    "answer": question.answer,
                    "choices": list(question.choices),
                    "kind": question.kind,
                    "needs_image": True,
                }
            )
    for name, rows in (("questions.json", questions), ("captions.json", captions)):
        (folder / name).write_text(json.dumps(rows, indent=1), encoding="utf-8")
    official.write(folder, found, asked, seed)
    shard = "held_out/text/shard_00000000_processed.jsonl.zst"
    dclm.write_shard(root, shard, range(DOCUMENTS), seed, "held-out text", frozenset())
    return len(questions)
