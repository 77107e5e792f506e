"""Exports as the adapter of lmms-eval asks them, and under lmms-eval itself on made-up tasks.

SWITCHPOINT_LMMS_EVAL names the Python of lmms-eval's own environment; without it, what the adapter does to a model is
tested here and lmms-eval is left out.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers.checkpoints import PATCH, SIGLIP, TURNS, checkpoint, end_turns
from tests.helpers.commands import ROOT
from tests.helpers.official import picture
from train.evaluation.generation import Stem, answer
from train.evaluation.likelihood import likelihoods
from train.evaluation.predict import Settings
from train.evaluation.read_image import read_image
from train.evaluation.scored_model import open_subject
from train.evaluation.task_runner import evaluate_tasks
from train.export.export_folder import export

PYTHON = os.environ.get("SWITCHPOINT_LMMS_EVAL")
UTILS = """\
import ast, json
from PIL import Image
def visual(doc): return [Image.open(doc["image"])]
def text(doc, lmms_eval_specific_kwargs=None): return doc["text"]
def result(doc, results): return {"said": {"said": results[0], "id": doc["id"]}}
def scores(doc, results):  # lmms-eval 0.7.3 hands (log-probability, greedy) on as text
    pairs = [ast.literal_eval(one) if isinstance(one, str) else one for one in results]
    return {"said": {"said": [total for total, _ in pairs], "id": doc["id"]}}
def write(results):
    json.dump({row["id"]: row["said"] for row in results}, open(OUT, "w"))
    return float(len(results))
"""
TASK = """\
task: made_up
dataset_path: json
dataset_kwargs: {{data_files: {{test: {rows}}}, cache_dir: {cache}}}
test_split: test
{kind}
doc_to_visual: !function utils.visual
doc_to_text: !function utils.text
metric_list: [{{metric: said, aggregation: !function utils.write, higher_is_better: true}}]
"""
GENERATED = """\
output_type: generate_until
doc_to_target: text
process_results: !function utils.result
generation_kwargs: {max_new_tokens: 16, do_sample: false}"""
CHOSEN = """\
output_type: multiple_choice
doc_to_target: 0
doc_to_choice: [red, a blue one]
process_results: !function utils.scores"""
LINE = "\nAnswer the question using a single word or phrase."
QUESTIONS = ["what?", "what is this thing?", "which colour?", "a"]


@pytest.fixture(scope="module")
def exported():
    """The adapter's module that knows exports and not lmms-eval."""
    file = ROOT / "scripts/lmms_eval_adapter/switchpoint_exported.py"
    spec = importlib.util.spec_from_file_location("switchpoint_exported", file)
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("conversation", [TURNS, None], ids=["version 2", "version 1"])
def test_answers_end_and_choices_score_as_in_evaluate(tmp_path, exported, conversation):
    """The model is made to end its turns at a token that it says often; in version 1 that token is a line break."""
    torch.manual_seed(5)
    out = checkpoint(tmp_path, encoder=SIGLIP, conversation=conversation)
    subject = open_subject(out)
    pictures = [Image.fromarray(np.random.default_rng(n).integers(0, 256, (20, 24, 3), np.uint8)) for n in range(4)]
    for number, one in enumerate(pictures):
        one.save(tmp_path / f"{number}.png")
    shown = np.stack([read_image(tmp_path / f"{number}.png", 16)[None] for number in range(4)])
    encoder = subject.encoder(blind=False)
    stems = [Stem(number, encoder.stem(question, True)) for number, question in enumerate(QUESTIONS)]
    (line_break,) = encoder.text("\n")
    end_turns(out, subject, stems, shown, 12, end=line_break if conversation is None else None)
    subject = open_subject(out)
    ours = [answer(subject, [stem], lambda number: shown[number], 12)[0] for stem in stems]
    export(out, tmp_path / "hf")
    model = exported.Exported(str(tmp_path / "hf"), "cpu")
    assert model.until == ([] if conversation else ["\n"])
    questions = [(f"<image>\n{text}", [picture]) for text, picture in zip(QUESTIONS, pictures, strict=True)]
    assert model.answers(questions, 12) == ours == [model.answers([one], 12)[0] for one in questions]
    assert any(len(text) < 8 for text in ours)
    choices = ("Yes", "No", "a b")
    prompts = [one for stem in stems for one in encoder.choices(stem.item, stem.ids, choices)]
    scores = likelihoods(subject, prompts, lambda n: shown[n], device=subject.device, pad_id=1, batch_size=3)
    for (number, choice), mine in scores.items():
        total, greedy = model.likelihood(questions[number], choices[choice])
        assert total == pytest.approx(mine.log_probability, abs=1e-3)
        assert greedy == mine.greedy


def test_an_export_that_was_changed_is_refused(tmp_path, exported):
    export(checkpoint(tmp_path, encoder=SIGLIP), tmp_path / "hf")
    (tmp_path / "hf/README.md").write_text("# Another text")
    exported.check(tmp_path / "hf")
    exported.check(tmp_path / "none")
    weights = bytearray((tmp_path / "hf/model.safetensors").read_bytes())
    weights[-1] ^= 1
    (tmp_path / "hf/model.safetensors").write_bytes(weights)
    with pytest.raises(ValueError, match=r"model.safetensors is not the file that was exported: copy the folder anew"):
        exported.Exported(str(tmp_path / "hf"), "cpu")


@pytest.mark.parametrize(
    ("text", "stops", "left"),
    [
        ("\n one\ntwo", ["\n"], "one"),
        ("a b\n", [], "a b"),
        ("one two three", ["three", " two"], "one"),
        ("a", [""], "a"),
    ],
)
def test_an_answer_is_cut_at_the_first_of_its_ends(exported, text, stops, left):
    assert exported.cut(text, stops) == left


@pytest.mark.slow
@pytest.mark.skipif(PYTHON is None, reason="SWITCHPOINT_LMMS_EVAL does not name a Python with lmms-eval")
@pytest.mark.parametrize("encoder", [SIGLIP, PATCH], ids=["siglip", "own code"])
def test_answers_and_likelihoods_are_those_of_evaluate(tmp_path, encoder):
    """The same questions on the same pictures get the same answers, at batch sizes 1 and 4."""
    export(checkpoint(tmp_path, encoder=encoder, conversation=TURNS), tmp_path / "hf")
    folder, rows = tmp_path / "textvqa", []
    for number in range(6):
        image = folder / f"train_images/{number}.jpg"
        picture(image, (30 + number, 40 - number))
        rows.append(
            {"question_id": number, "image_id": str(number), "question": "what?" * (number + 1), "answers": ["x"] * 10}
        )
    (folder / "TextVQA_0.5.1_val.json").write_text(json.dumps({"data": rows}))
    subject = open_subject(tmp_path / "hf")
    found = evaluate_tasks(subject, [("textvqa", folder)], tmp_path / "scores", Settings())
    assert found[0].items == 6
    predictions = json.loads((tmp_path / "scores/textvqa.json").read_text())["predictions"]
    ours = {one["id"]: one["prediction"] for one in predictions}
    for size in (1, 4):
        assert lmms_eval(tmp_path, rows, folder, encoder is PATCH, size, GENERATED) == ours
    asked = subject.encoder(blind=False)
    prompts = [
        one
        for number, row in enumerate(rows)
        for one in asked.choices(number, asked.stem(row["question"] + LINE, True), ("red", "a blue one"))
    ]
    shown = [read_image(folder / f"train_images/{number}.jpg", 16)[None] for number in range(6)]
    scores = likelihoods(subject, prompts, lambda n: shown[n], device=subject.device, pad_id=1, batch_size=4)
    theirs = lmms_eval(tmp_path, rows, folder, encoder is PATCH, 2, CHOSEN)
    for (number, choice), mine in scores.items():
        assert theirs[str(number)][choice] == pytest.approx(mine.log_probability, abs=1e-3)


def lmms_eval(tmp_path: Path, rows: list[dict], folder: Path, own_code: bool, size: int, kind: str) -> dict:
    tasks, out = tmp_path / f"tasks-{size}", tmp_path / f"said-{size}.json"
    tasks.mkdir()
    asked = [{"id": str(row["question_id"]), "image": str(folder / f"train_images/{row['image_id']}.jpg"),
              "text": row["question"] + LINE} for row in rows]  # fmt: skip
    (tasks / "rows.json").write_text("\n".join(map(json.dumps, asked)))
    (tasks / "utils.py").write_text(f"OUT = {str(out)!r}\n{UTILS}")
    (tasks / "made_up.yaml").write_text(TASK.format(kind=kind, rows=tasks / "rows.json", cache=tmp_path / "cache"))
    argv = [PYTHON, "-m", "lmms_eval", "--model", "switchpoint", "--tasks", "made_up", "--include_path", tasks,
            "--model_args", f"pretrained={tmp_path / 'hf'},trust_remote_code={own_code}", "--batch_size", str(size),
            "--device", "cpu"]  # fmt: skip
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | offline
    done = subprocess.run(list(map(str, argv)), env=environment, capture_output=True, text=True, timeout=300)
    assert out.exists(), done.stderr[-3000:]
    return json.loads(out.read_text())
