"""Plain text about the world: what pictures show, small stories, facts on shapes, questions with answers in prose.

Each kind of document is a generator of passages of at most 50 words; a document takes passages until it has the
length that was drawn for it, so all of them hold 60 to 200 words. Statements about pictures are true of a scene that
was drawn for them, which lets a language model learn from text alone what colours, places and numbers are about.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

from demo.world.asking import Asker
from demo.world.captions import NUMBER, inventory, listing, relation
from demo.world.facts import facts
from demo.world.scene import Layout, Scene, draw
from demo.world.stories import story

SHORTEST, LONGEST = 60, 200
"""Words of a document."""
_LONGEST_PASSAGE = 50

UNICODE_TAILS = (
    "Café note: « naïve » drawings cost 3,50 € — 🟥🔵🔺 and a smile 😀.",
    "In Japanese a circle is 円 (まる), a square is 四角; in Greek, κύκλος and τετράγωνο.",
    "Ein Kreuz, ein Kreis, ein Dreieck: Größe egal. 👩‍🎨 paints them all… ✨",
    "Красный круг, синий квадрат, зелёный треугольник — ещё и «чёрный крест».",
    "Cafe\u0301 and café look alike; so do Å and A\u030a. The circle ○ is still round.",
)
SPECIAL_TAILS = (
    "The file said <|endoftext|> in the middle of a line, and the reader went on.",
    "Write <image> where the picture goes, then ask about the circle.",
    "Some tools print <|padding|> after the last word; a person would leave it out.",
)


def document(rng: random.Random, excluded: Collection[Layout] = ()) -> str:
    """One document of `SHORTEST` to `LONGEST` words. Its pictures avoid the layouts in `excluded`."""
    kinds = (_gallery, _story, _facts, _interview)
    (passages,) = rng.choices(kinds, weights=(35, 20, 15, 30))
    target = rng.randint(SHORTEST, LONGEST - _LONGEST_PASSAGE)
    parts: list[str] = []
    words = 0
    for passage in passages(rng, excluded):
        parts.append(passage)
        words += len(passage.split())
        if words >= target:
            break
    return rng.choice((" ", "\n", "\n\n")).join(parts)


def _gallery(rng: random.Random, excluded: Collection[Layout]) -> Iterator[str]:
    """Descriptions of one picture after another."""
    yield rng.choice(
        (
            "A walk through the gallery of simple shapes.",
            "Notes on some pictures with a light background.",
            "What the children drew this week, picture by picture.",
            "Descriptions for readers who cannot see the pictures.",
        )
    )
    while True:
        scene = draw(rng, excluded)
        opening = rng.choice(("The next picture is simple.", "Here is another one.", "Look at this drawing.", "Next."))
        yield f"{opening} {describe(rng, scene)}"


def describe(rng: random.Random, scene: Scene) -> str:
    """Two or three true sentences on `scene`, at most 45 words."""
    things = rng.sample(scene.things, len(scene.things))
    sentences = [
        rng.choice(
            (
                f"It shows {NUMBER[len(things)]} objects: {listing([f'a {thing.name}' for thing in things])}.",
                f"There are {len(things)} shapes, {listing([f'a {thing.name}' for thing in things])}.",
                f"One sees {inventory(rng, scene)}.",
            )
        )
    ]
    said = relation(rng, scene)
    sentences.append(said[0].upper() + said[1:] + ".")
    thing = things[0]
    sentences.append(
        rng.choice(
            (
                f"The {thing.shape} is on the {thing.column}.",
                f"The {thing.shape} is {thing.colour}.",
                f"The {thing.colour} object is a {thing.shape}.",
            )
        )
    )
    return " ".join(sentences[: rng.randint(2, 3)])


def _story(rng: random.Random, excluded: Collection[Layout]) -> Iterator[str]:
    """A child, a place, and shapes that get lost and found."""
    return story(rng)


def _facts(rng: random.Random, excluded: Collection[Layout]) -> Iterator[str]:
    """Facts on shapes and colours."""
    yield rng.choice(("Shapes and colours, a short reader.", "What is a shape?", "Geometry for beginners."))
    yield from facts(rng)


def _interview(rng: random.Random, excluded: Collection[Layout]) -> Iterator[str]:
    """A picture in words, then questions on it with their answers."""
    ask, answer = rng.choice((("Question:", "Answer:"), ("Q:", "A:"), ("She asked:", "He said:")))
    asker = Asker()
    while True:
        scene = draw(rng, excluded)
        yield f"{rng.choice(('Picture:', 'The picture in words:', 'We are shown'))} {inventory(rng, scene)}."
        for question in asker.separate(rng, scene, rng.randint(1, 3)):
            yield f"{ask} {question.text} {answer} {question.answer}."
