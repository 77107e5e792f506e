"""RefCOCO: which box does this expression describe? Right if the boxes overlap by half.

Folder: `refs*.p` (the official pickle, read without running it) and `instances.json` (COCO images and annotations), and
images under `train2014/` or `images/`. The splits val, testA and testB are scored, each on its own and together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from train.evaluation import official_files, plain_pickle
from train.evaluation.metrics.boxes import iou, of_corner_and_size, parse
from train.evaluation.task import Item, Scored

SPLITS = ("val", "testA", "testB")
PROMPT = "Please provide the bounding box coordinate of the region this sentence describes: {}"


@dataclass(frozen=True)
class Boxes(Scored):
    """What RefCOCO and OCID-Ref share."""

    def score(self, item: Item, prediction: str) -> float:
        """1 if the boxes overlap by half."""
        return float(_overlap(item, prediction) >= 0.5)

    def metrics(self, items: Sequence[Item], predictions: Sequence[str]) -> dict[str, float]:
        """Mean IoU, accuracy at a quarter of overlap (OCID-Ref's own), and the share of answers that were boxes."""
        overlaps = [_overlap(item, said) for item, said in zip(items, predictions, strict=True)]
        return {
            "mean_iou": sum(overlaps) / len(items),
            "accuracy_at_0.25": sum(one >= 0.25 for one in overlaps) / len(items),
            "boxes": sum(parse(said) is not None for said in predictions) / len(items),
        }


def _overlap(item: Item, prediction: str) -> float:
    box = parse(prediction)
    return iou(box, item.target) if box else 0.0


@dataclass(frozen=True)
class RefCoco(Boxes):
    """See the module."""

    def load(self, folder: Path) -> tuple[list[Item], list[Path]]:
        """An item for each sentence of each reference, in the file's order."""
        refs_file, instances_file = (
            official_files.only(folder, "refs*.p"),
            official_files.only(folder, "instances.json"),
        )
        refs = official_files.rows(plain_pickle.load(refs_file), refs_file)
        instances = official_files.read_json(instances_file)
        images, annotations = (
            {official_files.field(row, "id", instances_file, f"a row of {part}", int): row
             for row in official_files.rows(instances, instances_file, part)}
            for part in ("images", "annotations")
        )  # fmt: skip
        items = []
        for ref in refs:
            if ref.get("split") not in SPLITS:
                continue
            what = f"reference {official_files.field(ref, 'ref_id', refs_file, 'a reference', int)}"
            annotation = annotations.get(official_files.field(ref, "ann_id", refs_file, what, int))
            image = images.get(official_files.field(ref, "image_id", refs_file, what, int))
            if annotation is None or image is None:
                part = "annotation" if annotation is None else "image"
                problem = f"{what} names an {part} that is not in {instances_file.name}"
                raise InputError(problem, file=refs_file, remedy="use files of one release")
            name = official_files.field(image, "file_name", instances_file, f"the image of {what}")
            picture = official_files.image(folder, name, "train2014", "images")
            width, height = (
                official_files.field(image, side, instances_file, f"image {name}", int) for side in ("width", "height")
            )
            if width < 1 or height < 1:
                raise InputError(f"image {name} of {width} x {height} pixels", file=instances_file)
            corner_and_size = official_files.field(
                annotation, "bbox", instances_file, f"the annotation of {what}", list
            )
            box = of_corner_and_size(official_files.four(corner_and_size, instances_file, what), width, height)
            for sentence in official_files.field(ref, "sentences", refs_file, what, list):
                number = f"{ref['ref_id']}-{official_files.field(sentence, 'sent_id', refs_file, what, int)}"
                question = PROMPT.format(official_files.field(sentence, "sent", refs_file, what))
                items.append(Item(number, question, box, picture, group=ref["split"]))
        if not items:
            raise InputError(f"no reference of the splits {', '.join(SPLITS)}", file=refs_file)
        official_files.unique((item.id for item in items), refs_file)
        return items, [refs_file, instances_file]


TASK = RefCoco("refcoco", "IoU >= 0.5", ("refs*.p", "instances.json", "train2014/*.jpg"), instruction="", max_tokens=40)
