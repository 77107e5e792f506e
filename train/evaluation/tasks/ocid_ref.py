"""OCID-Ref: expressions for objects in cluttered scenes; the score is IoU >= 0.5, IoU >= 0.25 is reported too.

Folder: one `*expressions.json` ({id: {scene_path, sentence, bbox: "[x1, y1, x2, y2]" in pixels, take_id}}) and OCID's
own tree of images (`ARID20/...`, as `scene_path` has it), here or under `images/`.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from common.errors import InputError
from train.evaluation import official_files
from train.evaluation.metrics.boxes import Box
from train.evaluation.task import Item
from train.evaluation.tasks.refcoco import PROMPT, Boxes
from train.loader.rows.decode import FORMATS

_CLUTTER = ((9, "minimum clutter"), (16, "medium clutter"), (20, "maximum clutter"))
"""The last take of each degree of clutter."""


@dataclass(frozen=True)
class OcidRef(Boxes):
    """See the module."""

    def load(self, folder: Path) -> tuple[list[Item], list[Path]]:
        """Items in the file's order."""
        path = official_files.only(folder, "*expressions.json")
        data = official_files.read_json(path)
        if not isinstance(data, dict) or not data or not all(isinstance(row, dict) for row in data.values()):
            raise InputError("not an object of expressions by id", file=path, remedy="use the official file")
        sizes: dict[Path, tuple[int, int]] = {}
        items = []
        for number, row in data.items():
            what = f"expression {number}"
            picture = official_files.image(folder, official_files.field(row, "scene_path", path, what), "", "images")
            if picture not in sizes:
                sizes[picture] = _size(picture)
            width, height = sizes[picture]
            written = official_files.field(row, "bbox", path, what, (str, list))
            with contextlib.suppress(ValueError):
                written = json.loads(written) if isinstance(written, str) else written
            x1, y1, x2, y2 = official_files.four(written, path, what)
            take = official_files.field({"take_id": 0, **row}, "take_id", path, what, int)
            group = next((name for last, name in _CLUTTER if take <= last), _CLUTTER[-1][1])
            box = Box(x1 / width, y1 / height, x2 / width, y2 / height)
            question = PROMPT.format(official_files.field(row, "sentence", path, what))
            items.append(Item(number, question, box, picture, group=group))
        return items, [path]


def _size(path: Path) -> tuple[int, int]:
    try:
        with Image.open(path, formats=FORMATS) as image:
            return image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"cannot use the image ({error})", file=path, remedy="copy it again") from None


TASK = OcidRef("ocid_ref", "IoU >= 0.5", ("*expressions.json", "ARID20/**/*.png"), instruction="", max_tokens=40)
