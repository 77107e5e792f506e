"""Defines OCID-Ref: expressions for objects in cluttered scenes; the score is its paper's, IoU >= 0.25 (0.5 is reported
too).

Folder: `*expressions.json` ({id: {scene_path, sentence, bbox: "[x1, y1, x2, y2]" in pixels, take_id}}, usually
`val_expressions.json`) and OCID's own tree of images (`ARID20/...`, as `scene_path` has it), here, under `images/` or
under `OCID-dataset/`.

The release's notes say that boxes are x, y, width, height. The files hold corners: TRI-ML/vlm-evaluation asserts it of
every box that it reads, and of 500 boxes that a user set beside OCID's masks, corners met them (mean IoU 0.97), sizes
did not (0.09; 325 left the image). So all boxes of a file decide together: corners if all fit as corners, sizes if all
fit as sizes alone, and a file of which neither holds is refused.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from common.errors import InputError
from common.pictures import FORMATS
from train.evaluation import official_files
from train.evaluation.metrics.boxes import Box
from train.evaluation.task import Item
from train.evaluation.tasks.box_task import BOX_RULES, PROMPT, BoxTask, within

USUAL = "val_expressions.json"
_CLUTTER = ((9, "minimum clutter"), (16, "medium clutter"), (20, "maximum clutter"))
"""The last take of each degree of clutter."""
Numbers = tuple[float, float, float, float]
Size = tuple[int, int]


@dataclass(frozen=True)
class OcidRef(BoxTask):
    """Scores OCID-Ref as the module says."""

    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order."""
        path, folder = official_files.chosen(place, "*expressions.json", [USUAL]), official_files.home(place)
        data = official_files.read_json(path)
        if not isinstance(data, dict) or not data or not all(isinstance(row, dict) for row in data.values()):
            raise InputError("not an object of expressions by id", file=path, remedy="use the official file")
        size_of = cache(_size)
        items: list[Item] = []
        numbers: list[Numbers] = []
        sizes: list[Size] = []
        for number, row in data.items():
            what = f"expression {number}"
            scene = official_files.field(row, "scene_path", path, what)
            picture = official_files.image(folder, scene, "", "images", "OCID-dataset", "OCID-dataset/OCID-dataset")
            written = official_files.field(row, "bbox", path, what, (str, list))
            with contextlib.suppress(ValueError):
                written = json.loads(written) if isinstance(written, str) else written
            numbers.append(official_files.four(written, path, what))
            sizes.append(size_of(picture))
            take = official_files.field({"take_id": 0, **row}, "take_id", path, what, int)
            group = next((name for last, name in _CLUTTER if take <= last), _CLUTTER[-1][1])
            question = PROMPT.format(official_files.field(row, "sentence", path, what))
            items.append(Item(number, question, None, picture, group=group, size=sizes[-1]))
        boxes = _read_boxes(path, [item.id for item in items], numbers, sizes)
        return [item.at(box) for item, box in zip(items, boxes, strict=True)], [path]


def _read_boxes(path: Path, ids: Sequence[str], numbers: Sequence[Numbers], sizes: Sequence[Size]) -> list[Box]:
    """All boxes of a file, as shares of their images."""
    corners = [Box(*one) for one in numbers]
    odd = [n for n, box in enumerate(corners) if not _fits(box, sizes[n])]
    if odd:
        corners = [Box(x, y, x + w, y + h) for x, y, w, h in numbers]
        if any(not _fits(box, size) for box, size in zip(corners, sizes, strict=True)):
            problem = f"{len(odd):,} boxes are no corners within their image, expression {ids[odd[0]]} for one"
            raise InputError(problem, file=path, field="bbox", remedy="use the official file")
        official_files.say(
            f"{path}: its boxes are read as x, y, width, height (as corners, {len(odd):,} would not fit)"
        )
    return [within(box, *size).shares(*size) for box, size in zip(corners, sizes, strict=True)]


def _fits(box: Box, size: Size) -> bool:
    x1, y1, x2, y2 = within(box, *size)
    return 0 <= x1 < x2 <= size[0] and 0 <= y1 < y2 <= size[1]


def _size(path: Path) -> Size:
    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"cannot use the image ({error})", file=path, remedy="copy it again") from None


TASK = OcidRef("ocid_ref", "IoU >= 0.25", ("*expressions.json", "ARID20/**/*.png"), BOX_RULES, threshold=0.25)
