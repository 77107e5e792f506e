"""Defines RefCOCO, RefCOCO+ and RefCOCOg: which box does this expression describe? Right if the boxes overlap by half.

Folder, as the archives unpack: `refs(unc).p` (RefCOCOg: `refs(umd).p`; an official pickle, read without running it)
and `instances.json` (COCO images and annotations), and images under `train2014/` or `images/`, here or beside the
folder. The splits val, testA and testB (RefCOCOg: val and test) are scored, each on its own and together.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import plain_pickle
from common.errors import InputError
from train.evaluation import official_files
from train.evaluation.metrics.boxes import Box
from train.evaluation.task import Item
from train.evaluation.tasks.box_task import BOX_RULES, PROMPT, BoxTask, checked, within

SPLITS = ("val", "testA", "testB", "test")
USUAL = ("refs(unc).p", "refs(umd).p")
_PICTURES = ("train2014", "images", "../train2014", "../images/mscoco/images/train2014")


@dataclass(frozen=True)
class RefCoco(BoxTask):
    """Scores RefCOCO as the module says."""

    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        """An item for each sentence of each reference, in the file's order."""
        refs_file, folder = official_files.chosen(place, "refs*.p", USUAL), official_files.home(place)
        instances_file = official_files.chosen(folder, "instances.json")
        refs = official_files.rows(plain_pickle.load(refs_file), refs_file)
        instances = official_files.read_json(instances_file)
        images, annotations = (
            {official_files.field(row, "id", instances_file, f"a row of {part}", int): row
             for row in official_files.rows(instances, instances_file, part)}
            for part in ("images", "annotations")
        )  # fmt: skip
        items, left = [], Counter[str]()
        for ref in refs:
            if ref.get("split") not in SPLITS:
                left[str(ref.get("split"))] += 1
                continue
            what = f"reference {official_files.field(ref, 'ref_id', refs_file, 'a reference', int)}"
            annotation = annotations.get(official_files.field(ref, "ann_id", refs_file, what, int))
            image = images.get(official_files.field(ref, "image_id", refs_file, what, int))
            if annotation is None or image is None:
                part = "annotation" if annotation is None else "image"
                problem = f"{what} names an {part} that is not in {instances_file.name}"
                raise InputError(problem, file=refs_file, remedy="use files of one release")
            picture, size, box = _box(folder, annotation, image, instances_file, what)
            for sentence in official_files.field(ref, "sentences", refs_file, what, list):
                number = f"{ref['ref_id']}-{official_files.field(sentence, 'sent_id', refs_file, what, int)}"
                question = PROMPT.format(official_files.field(sentence, "sent", refs_file, what))
                items.append(Item(number, question, box, picture, group=ref["split"], size=size))
        if not items:
            raise InputError(
                f"no reference of the splits {', '.join(SPLITS)}", file=refs_file, remedy="use refs(unc).p"
            )
        if left:
            counts = ", ".join(f"{count:,} of {split}" for split, count in sorted(left.items()))
            official_files.say(f"{refs_file}: references that are not scored, by split: {counts}")
        official_files.unique((item.id for item in items), refs_file)
        return items, [refs_file, instances_file]


def _box(folder: Path, annotation: Any, image: Any, path: Path, what: str) -> tuple[Path, tuple[int, int], Box]:
    """Picture, its size, and the annotation's box in shares of it."""
    name = official_files.field(image, "file_name", path, f"the image of {what}")
    width, height = (official_files.field(image, side, path, f"image {name}", int) for side in ("width", "height"))
    if width < 1 or height < 1:
        raise InputError(f"image {name} of {width} x {height} pixels", file=path, remedy="use the official file")
    numbers = official_files.field(annotation, "bbox", path, f"the annotation of {what}", list)
    x, y, w, h = official_files.four(numbers, path, what)
    box = within(Box(x, y, x + w, y + h), width, height).shares(width, height)
    return official_files.image(folder, name, *_PICTURES), (width, height), checked(box, path, what)


_FILES = ("refs*.p", "instances.json", "train2014/*.jpg")
TASK, PLUS, G = (RefCoco(name, "IoU >= 0.5", _FILES, BOX_RULES) for name in ("refcoco", "refcoco+", "refcocog"))
