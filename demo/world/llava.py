"""The instruction release: one JSON array in the form of LLaVA-v1.5's mix665k, and the pictures beside it.

Rows have two to four rounds, mostly three; the marker `<image>` stands at the start or at the end of the first human
turn. About a third of the pictures are described instead of asked about, like the detailed descriptions of the real
release: one description, or one list of what there is and what not, says more about a picture than all the short
answers on it. The request settles its form, and its order is one that the picture settles or always the same, so a
model can get every word right. About 6 % of the rows are text only and carry `model`. A few rows have the defects that
the release is known for.
"""

from __future__ import annotations

import json
import random
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.world.asking import Asker
from demo.world.captions import by_colour, by_shape, inventory, present
from demo.world.render import encode, render
from demo.world.scene import COLOURS, SHAPES, Layout, Scene, draw, stream
from demo.world.world import Defect, DefectKind, Fate
from schemas.conversation_format import ANSWER, PROMPT

MARKER = "<image>"
_TEXT_ONLY_SHARE = 0.06
_ROUNDS = {1: 0.05, 2: 0.20, 3: 0.55, 4: 0.20}
"""Shares of rows by rounds. Three leave room for two colours, shapes or existences and a side; a fourth is a number."""

_DESCRIBED = 0.35
"""Share of the pictures that are described."""
DESCRIBE = (
    "Describe the picture.",
    "Tell me about each shape.",
    "Tell me about each colour.",
    "Which shapes are there?",
    "Which colours are there?",
)

Round = tuple[str, str]
"""(question, answer)."""

_SHARES: dict[DefectKind, tuple[float, Fate]] = {
    "missing_image": (0.002, "rejected"),
    "gif_named_jpg": (0.001, "either"),
    "corrupt_image": (0.001, "rejected"),
    "leading_gpt": (0.001, "accepted"),
    "unpaired_turns": (0.001, "rejected"),
}
"""Share of the rows with each defect (at least one row each) and the fate that it should meet."""


@dataclass(frozen=True, slots=True)
class Written:
    """What `write` made."""

    defects: list[Defect]
    text_only: int
    questions: int
    """Questions on pictures; requests to describe one do not count."""


def write(root: Path, number: int, seed: int, excluded: Collection[Layout]) -> Written:
    """Write `number` rows as `root / "conversations" / "llava.json"`, pictures in `images/train` beside it."""
    folder = root / "conversations"
    (folder / "images" / "train").mkdir(parents=True)
    text_only, planted = _plant(number, seed)
    asker, text_asker = Asker(), Asker()
    rows: list[dict[str, Any]] = []
    defects: list[Defect] = []
    questions = 0
    for index in range(number):
        rng = stream(seed, "conversation", index)
        scene = draw(rng, excluded)
        (rounds,) = rng.choices(list(_ROUNDS), weights=list(_ROUNDS.values()))
        if index in text_only:
            asked = [(one.text, one.answer) for one in text_asker.separate(rng, scene, min(rounds, 2))]
            rows.append(_text_row(rng, index, inventory(rng, scene), asked))
            continue
        kind = planted.get(index)
        if kind is None and rng.random() < _DESCRIBED:
            request = rng.choice(DESCRIBE)
            asked = [(request, description(request, scene))]
        else:
            put = asker.conversation(rng, scene, max(rounds, 2) if kind == "unpaired_turns" else rounds)
            asked = [(one.text, one.answer) for one in put]
            questions += len(put)
        identity = f"{index:012d}"
        if kind is not None:
            defects.append(Defect(release="conversations", kind=kind, key=identity, fate=_SHARES[kind][1]))
        name = f"train/{identity}.jpg"
        if kind != "missing_image":
            picture = render(scene)
            image = encode(picture, "GIF" if kind == "gif_named_jpg" else "JPEG", quality=rng.randint(85, 95))
            (folder / "images" / name).write_bytes(rng.randbytes(300) if kind == "corrupt_image" else image)
        rows.append({"id": identity, "image": name, "conversations": _turns(rng, asked, kind)})
    (folder / "llava.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")
    return Written(defects, len(text_only), questions)


def description(request: str, scene: Scene) -> str:
    """All of `scene` in words, in the form that `request`, one of `DESCRIBE`, stands for."""
    said = {
        DESCRIBE[0]: f"I see {inventory(None, scene)}",
        DESCRIBE[1]: by_shape(scene),
        DESCRIBE[2]: by_colour(scene),
        DESCRIBE[3]: present(SHAPES, scene),
        DESCRIBE[4]: present(COLOURS, scene),
    }[request]
    return f"{said[0].upper()}{said[1:]}."


def prompts(root: Path) -> list[str]:
    """The conversations of `root` as a trainer spells them out, for the tokenizer to learn the speakers' names from."""
    rows = json.loads((root / "conversations" / "llava.json").read_text(encoding="utf-8"))
    opening, header = PROMPT.split("{question}")
    before = {"human": opening, "gpt": header.lstrip() + ANSWER.split("{answer}")[0]}
    return ["\n".join(before[turn["from"]] + turn["value"] for turn in row["conversations"]) for row in rows]


def _plant(number: int, seed: int) -> tuple[set[int], dict[int, DefectKind]]:
    """Choose the rows without a picture, and among the others the defective ones and how."""
    rng = stream(seed, "conversation defects")
    shuffled = rng.sample(range(number), number)
    split = round(number * _TEXT_ONLY_SHARE)
    kinds = [kind for kind, (share, _) in _SHARES.items() for _ in range(max(1, round(share * number)))]
    return set(shuffled[:split]), dict(zip(shuffled[split:], kinds, strict=False))


def _turns(rng: random.Random, asked: list[Round], kind: DefectKind | None) -> list[dict[str, str]]:
    """The rounds as alternating turns, with the marker in the first human one and the defect `kind`, if any."""
    turns = []
    for question, answer in asked:
        turns += [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    first = turns[0]["value"]
    turns[0]["value"] = rng.choice((f"{MARKER}\n{first}", f"{first}\n{MARKER}"))
    if kind == "leading_gpt":
        return [{"from": "gpt", "value": "Hello! Send me a picture."}, *turns]
    if kind == "unpaired_turns":
        del turns[1]
    return turns


def _text_row(rng: random.Random, index: int, words: str, asked: list[Round]) -> dict[str, Any]:
    """A row without a picture: the scene is given in `words`."""
    opening = rng.choice(("A picture shows {}.", "Imagine {}.", "In words: {}.")).format(words)
    turns = _turns(rng, asked, None)
    turns[0]["value"] = f"{opening} {asked[0][0]}"
    return {"id": f"text{index:08d}_0", "model": "world-in-words", "conversations": turns}
