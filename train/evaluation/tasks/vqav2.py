"""Defines VQAv2: open questions on COCO images, ten answers each.

Folder: `*questions.json` (usually of val2014; {"questions": [{question_id, image_id, question}]}), `*annotations.json`
({"annotations": [{question_id, image_id, answers: [{answer}] x 10, answer_type}]}), and images as COCO names them,
under `val2014/` (or whatever the files' `data_subtype` says) or `images/`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from train.evaluation import official_files
from train.evaluation.metrics import vqa
from train.evaluation.task import OFFICIAL, Item, Task
from train.evaluation.tasks.open_answers import by

SUBTYPE = "val2014"
USUAL = f"v2_OpenEnded_mscoco_{SUBTYPE}_questions.json"


@dataclass(frozen=True)
class Vqav2(Task):
    """Scores VQAv2 as the module says."""

    def load(self, place: Path) -> tuple[list[Item], list[Path]]:
        """Items in the order of the questions file; the annotations lie beside it."""
        questions_file, folder = official_files.chosen(place, "*questions.json", [USUAL]), official_files.home(place)
        data = official_files.read_json(questions_file)
        questions = official_files.rows(data, questions_file, "questions")
        subtype = str(data.get("data_subtype") or SUBTYPE)
        answers_file = official_files.chosen(folder, "*annotations.json", [f"v2_mscoco_{subtype}_annotations.json"])
        annotations = official_files.rows(official_files.read_json(answers_file), answers_file, "annotations")
        for file, found in ((questions_file, questions), (answers_file, annotations)):
            official_files.unique(
                (official_files.field(row, "question_id", file, "a row", (int, str)) for row in found), file
            )
        by_id = {row["question_id"]: row for row in annotations}
        official_files.matched({row["question_id"] for row in questions}, set(by_id), questions_file, answers_file)
        items = []
        for row in questions:
            what = f"question {row['question_id']}"
            image_id = official_files.field(row, "image_id", questions_file, what, int)
            annotation = by_id[row["question_id"]]
            if annotation.get("image_id", image_id) != image_id:
                problem = f"{what} is about image {image_id}, its answers about {annotation['image_id']}"
                raise InputError(problem, file=answers_file, remedy="use files of one release")
            name = f"COCO_{subtype}_{image_id:012d}.jpg"
            items.append(
                Item(
                    id=str(row["question_id"]),
                    question=official_files.field(row, "question", questions_file, what),
                    target=official_files.people(annotation, answers_file, what),
                    image=official_files.image(folder, name, subtype, "images"),
                    group=str(annotation.get("answer_type", "")),
                )
            )
        return items, [questions_file, answers_file]


TASK = Vqav2(
    "vqav2",
    "soft accuracy",
    ("*questions.json", "*annotations.json", "val2014/*.jpg"),
    {
        OFFICIAL: by(vqa.vqav2),
        "vlm-evaluation": by(vqa.vqav2_of_vlm_evaluation),
        "normalised": by(vqa.normalised),
    },
)
