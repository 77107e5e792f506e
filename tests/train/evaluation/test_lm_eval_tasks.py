"""lm-eval's harness on an exported model, with task files of our own: no network, no hub."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from common.errors import InputError
from schemas.results import Results, load_task
from tests.helpers.checkpoints import TURNS, checkpoint
from tests.helpers.commands import assert_refused
from train.__main__ import main
from train.evaluation.lm_eval_tasks import _as_lm, _result
from train.evaluation.scored_model import open_subject
from train.export.export_folder import export
from train.export.hugging_face_model import load

pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install '.[eval]')")

ROWS = [
    {"question": "Grass is?", "choices": ["green", "red", "blue"], "answer": 0},
    {"question": "Legs of a dog?", "choices": ["two", "four", "six"], "answer": 1},
    {"question": "Is ice hot?", "choices": ["yes", "no", "maybe"], "answer": 1},
]


@pytest.fixture
def tasks(tmp_path):
    """A folder with a multiple-choice task and a generating one."""
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "rows.json").write_text("\n".join(json.dumps(row) for row in ROWS))
    common = f"""\
        dataset_path: json
        dataset_kwargs: {{data_files: {{test: {folder / "rows.json"}}}, cache_dir: {tmp_path / "cache"}}}
        test_split: test
        doc_to_text: "Q: {{{{question}}}}\\nA:"
    """
    (folder / "choice.yaml").write_text(
        "task: local_choice\noutput_type: multiple_choice\n"
        + textwrap.dedent(common)
        + 'doc_to_choice: "{{choices}}"\ndoc_to_target: "{{answer}}"\n'
        + "metric_list: [{metric: acc}, {metric: acc_norm}]\n"
    )
    (folder / "free.yaml").write_text(
        "task: local_free\noutput_type: generate_until\n"
        + textwrap.dedent(common)
        + 'doc_to_target: "{{choices[answer]}}"\ngeneration_kwargs: {until: ["\\n"], max_gen_toks: 6}\n'
        + "metric_list: [{metric: exact_match}]\n"
    )
    return folder


@pytest.mark.slow
def test_local_tasks_on_an_export(tmp_path, tasks):
    export(checkpoint(tmp_path), tmp_path / "hf")
    argv = ["evaluate", str(tmp_path / "hf"), "--text", "local_choice", "local_free", "--text-include", str(tasks)]
    assert main([*argv, "-o", str(tmp_path / "scores")]) == 0
    found = Results.load(tmp_path / "scores").tasks
    assert found["lm-eval-local_choice-0shot"].chance == pytest.approx(1 / 3)
    assert found["lm-eval-local_free-0shot"].chance == 0.0
    choice = load_task(tmp_path / "scores", "lm-eval-local_choice-0shot")
    assert len(choice.predictions) == len(ROWS)
    subject = open_subject(tmp_path / "hf")
    for row, said in zip(ROWS, choice.predictions, strict=True):
        by_hand = [_log_probability(subject, f"Q: {row['question']}\nA:", f" {c}") / len(c) for c in row["choices"]]
        assert said.score == float(by_hand.index(max(by_hand)) == row["answer"])


@pytest.mark.slow
def test_the_number_of_examples_is_part_of_the_name(tmp_path, tasks):
    """The same task at 0 and at 2 examples gives two results; what a task fixes is not asked otherwise."""
    (tasks / "choice.yaml").write_text((tasks / "choice.yaml").read_text() + "fewshot_split: test\n")
    fixed = (tasks / "choice.yaml").read_text().replace("local_choice", "local_fixed") + "num_fewshot: 0\n"
    (tasks / "fixed.yaml").write_text(fixed)
    argv = ["evaluate", str(checkpoint(tmp_path)), "--text-include", str(tasks), "-o", str(tmp_path / "scores")]
    assert main([*argv, "--text", "local_choice:0", "local_choice:2"]) == 0
    found = Results.load(tmp_path / "scores").tasks
    assert {name: one.asked["shots"] for name, one in found.items()} == {
        "lm-eval-local_choice-0shot": 0, "lm-eval-local_choice-2shot": 2
    }  # fmt: skip
    assert load_task(tmp_path / "scores", "lm-eval-local_choice-2shot").items == len(ROWS)
    assert_refused(
        main,
        [*argv, "--text", "local_fixed:5"],
        match="'local_fixed' has no examples by its own rule, 5 were asked; write",
    )
    assert_refused(main, [*argv, "--text", "local_choice:x"], match="'local_choice:x' is not TASK:SHOTS")
    assert_refused(main, [*argv, "--text", "none"], match="no text task 'none'")


@pytest.mark.soak
def test_lm_eval_itself_finds_the_same_in_an_export(tmp_path, tasks):
    """Its command line with its own model class, every answer compared."""
    pytest.importorskip("accelerate", reason="lm-eval's own class for models needs accelerate")
    export(checkpoint(tmp_path, conversation=TURNS), tmp_path / "hf")
    command = [
        Path(sys.executable).with_name("lm_eval"), "run", "--model", "hf", "--device", "cpu", "--batch_size", "4",
        "--model_args", f"pretrained={tmp_path / 'hf'},dtype=float32", "--tasks", "local_choice,local_free",
        "--include_path", tasks, "--log_samples", "--output_path", tmp_path / "theirs",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HF_DATASETS_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    argv = ["evaluate", str(tmp_path / "hf"), "--text", "local_choice", "local_free", "--text-include", str(tasks)]
    assert main([*argv, "-o", str(tmp_path / "ours")]) == 0
    for task in ("local_choice", "local_free"):
        (file,) = (tmp_path / "theirs").glob(f"**/samples_{task}_*.jsonl")
        rows = {str(row["doc_id"]): row for row in map(json.loads, file.read_text().splitlines())}
        ours = load_task(tmp_path / "ours", f"lm-eval-{task}-0shot")
        assert rows.keys() == {one.id for one in ours.predictions}
        for one in ours.predictions:
            said = rows[one.id]["filtered_resps"]
            chosen = int(np.argmax([float(response[0]) for response in said])) if len(said) > 1 else said[0]
            assert one.prediction == str(chosen)
            assert one.score == rows[one.id][ours.metric]


@pytest.mark.slow
def test_whole_texts_score_as_trained(tmp_path, tasks):
    """An end-of-text stands before a text that is scored whole. In training it stands there too, if it opens."""
    (tasks / "rolling.yaml").write_text(
        "task: local_rolling\noutput_type: loglikelihood_rolling\ndataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {tasks / 'rows.json'}}}, cache_dir: {tmp_path / 'cache'}}}\n"
        'test_split: test\ndoc_to_text: ""\ndoc_to_target: "{{question}}"\n'
        "metric_list: [{metric: word_perplexity}]\n"
    )
    loaded = load(checkpoint(tmp_path))
    encoder = open_subject(tmp_path / "out").encoder(blind=True)
    export(tmp_path / "out", tmp_path / "hf")
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(tasks), include_defaults=False)
    theirs = "pretrained={},dtype=float32".format(tmp_path / "hf")
    found = [
        simple_evaluate(model=model, model_args=args, tasks=["local_rolling"], task_manager=manager, log_samples=True,
                        bootstrap_iters=0, device="cpu")["samples"]["local_rolling"]
        for model, args in ((_as_lm(open_subject(tmp_path / "out"), 4), None), ("hf", theirs))
    ]  # fmt: skip
    ours, hf = ([row["filtered_resps"][0] for row in sorted(rows, key=lambda r: r["doc_id"])] for rows in found)
    ours, hf = ([float(one[0] if isinstance(one, (list, tuple)) else one) for one in side] for side in (ours, hf))
    assert ours == pytest.approx(hf, rel=1e-5)
    for opens in (True, False):
        loaded.model.end_opens = opens
        trained = [_trained_log_probability(loaded.model, encoder.text(row["question"])) for row in ROWS]
        assert (ours == pytest.approx(trained, rel=1e-5)) == opens


def _trained_log_probability(model, ids: list[int]) -> float:
    """Of a document in the middle of a packed row, under the masks of training."""
    row = torch.tensor([[7, 8, 9, 0, *ids, 0, 7]])
    with torch.no_grad():
        found = model.logits(row, torch.empty(0, 3, 1, 1)).log_softmax(-1)[0]
    return sum(found[3 + n, token].item() for n, token in enumerate(ids))


def _log_probability(subject, context: str, continuation: str) -> float:
    first, second = (subject.encoder(blind=True).text(text) for text in (context, continuation))
    ids = torch.tensor([first + second])
    with torch.no_grad():
        log_probabilities = subject.logits(ids, torch.empty(0, 3, 1, 1)).log_softmax(-1)[0]
    return sum(log_probabilities[len(first) + n - 1, token].item() for n, token in enumerate(second))


def test_rows_of_a_group_stay_apart_and_count_once():
    """Two parts number their questions alike; one of them has its rows once for each filter of the answers."""

    def row(number: int, score: float, filtered: str = "none") -> dict[str, object]:
        return {"doc_id": number, "filter": filtered, "filtered_resps": ["x"], "target": "x", "arguments": [("q", {})],
                "exact_match": score}  # fmt: skip

    parts = {"a": [row(0, 1.0), row(1, 1.0)], "b": [row(0, 0.0, "strict"), row(0, 1.0, "loose")]}
    found = _result("lm-eval-group", {"samples": parts, "results": {}}, "i", {}, {})
    assert {one.id: one.score for one in found.predictions} == {"a/0": 1.0, "a/1": 1.0, "b/0": 0.0}
    assert (found.items, found.score) == (3, pytest.approx(2 / 3))
    with pytest.raises(InputError, match="reports none of"):
        _result("lm-eval-x", {"samples": {"a": [{**row(0, 1.0), "exact_match": 0}], "b": [{"doc_id": 1, "filter": ""}]},
                              "results": {}}, "i", {}, {})  # fmt: skip
