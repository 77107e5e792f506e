"""Windows as people read them."""

from __future__ import annotations

from tests.helpers import synthetic
from train.report.decoded import documents

IDENTITY = synthetic.TOKENIZER


def spell(ids: list[int]) -> str:
    return " ".join(map(str, ids))


def test_documents_end_behind_their_end_and_pictures_are_named_in_order() -> None:
    image = IDENTITY.image_id
    ids = [(image, False), (image, False), (7, False), (8, True), (0, True), (image, False), (9, True), (0, True)]
    assert documents(ids, IDENTITY, spell) == [
        [("[image 1]", False), ("7", False), ("8 0", True)],
        [("[image 2]", False), ("9 0", True)],
    ]
    assert documents([(7, False), (8, True)], IDENTITY, spell) == [[("7", False), ("8", True)]]
    assert documents([(0, True), (5, True)], IDENTITY, spell) == [[("0", True)], [("5", True)]]
