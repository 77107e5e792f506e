"""Exports under lmms-eval on a made-up task; SWITCHPOINT_LMMS_EVAL names the Python of lmms-eval's own environment."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers.checkpoints import PATCH, SIGLIP, checkpoint
from tests.helpers.official import picture
from train.evaluation.predict import Settings
from train.evaluation.scored_model import open_subject
from train.evaluation.task_runner import evaluate_tasks
from train.export.export_folder import export

PYTHON = os.environ.get("SWITCHPOINT_LMMS_EVAL")
UTILS = """\
import json
from PIL import Image
def visual(doc): return [Image.open(doc["image"])]
def text(doc, lmms_eval_specific_kwargs=None): return doc["text"]
def result(doc, results): return {"said": {"said": results[0], "id": doc["id"]}}
def write(results):
    json.dump({row["id"]: row["said"] for row in results}, open(OUT, "w"))
    return float(len(results))
"""
TASK = """\
task: made_up
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}, cache_dir: {cache}}}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.visual
doc_to_text: !function utils.text
doc_to_target: text
process_results: !function utils.result
generation_kwargs: {{max_new_tokens: 16, do_sample: false}}
metric_list: [{{metric: said, aggregation: !function utils.write, higher_is_better: true}}]
"""


@pytest.mark.slow
@pytest.mark.skipif(PYTHON is None, reason="SWITCHPOINT_LMMS_EVAL does not name a Python with lmms-eval")
@pytest.mark.parametrize("encoder", [SIGLIP, PATCH], ids=["siglip", "own code"])
def test_answers_are_those_of_evaluate(tmp_path, encoder):
    """The same questions on the same pictures get the same answers, at batch sizes 1 and 4."""
    export(checkpoint(tmp_path, encoder=encoder), tmp_path / "hf")
    folder, rows = tmp_path / "textvqa", []
    for number in range(6):
        image = folder / f"train_images/{number}.jpg"
        picture(image, (30 + number, 40 - number))
        rows.append(
            {"question_id": number, "image_id": str(number), "question": "what?" * number, "answers": ["x"] * 10}
        )
    (folder / "TextVQA_0.5.1_val.json").write_text(json.dumps({"data": rows}))
    found = evaluate_tasks(open_subject(tmp_path / "hf"), [("textvqa", folder)], tmp_path / "scores", Settings())
    assert found[0].items == 6
    predictions = json.loads((tmp_path / "scores/textvqa.json").read_text())["predictions"]
    ours = {one["id"]: one["prediction"] for one in predictions}
    for size in (1, 4):
        assert lmms_eval(tmp_path, rows, folder, encoder is PATCH, size) == ours


def lmms_eval(tmp_path: Path, rows: list[dict], folder: Path, own_code: bool, size: int) -> dict[str, str]:
    tasks, out = tmp_path / f"tasks-{size}", tmp_path / f"said-{size}.json"
    tasks.mkdir()
    line = "\nAnswer the question using a single word or phrase."
    asked = [{"id": str(row["question_id"]), "image": str(folder / f"train_images/{row['image_id']}.jpg"),
              "text": row["question"] + line} for row in rows]  # fmt: skip
    (tasks / "rows.json").write_text("\n".join(map(json.dumps, asked)))
    (tasks / "utils.py").write_text(f"OUT = {str(out)!r}\n{UTILS}")
    (tasks / "made_up.yaml").write_text(TASK.format(rows=tasks / "rows.json", cache=tmp_path / "cache"))
    argv = [PYTHON, "-m", "lmms_eval", "--model", "switchpoint", "--tasks", "made_up", "--include_path", tasks,
            "--model_args", f"pretrained={tmp_path / 'hf'},trust_remote_code={own_code}", "--batch_size", str(size),
            "--device", "cpu"]  # fmt: skip
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | offline
    done = subprocess.run(list(map(str, argv)), env=environment, capture_output=True, text=True, timeout=300)
    assert out.exists(), done.stderr[-3000:]
    return json.loads(out.read_text())
