"""A sweep's run is scored on vision tasks, seen and blind, and on text tasks; then it counts as scored."""

import json

import pytest

from schemas.results import Results
from tests.helpers.checkpoints import PATCH, checkpoint
from tests.helpers.official import textvqa
from train.sweep.scoring import SCORES, Scoring, is_scored, score_run

pytest.importorskip("lm_eval", reason="lm-eval is not installed (pip install '.[eval]')")


@pytest.mark.slow
def test_seen_blind_and_text(tmp_path):
    checkpoint(tmp_path, encoder=PATCH)
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    (tasks / "rows.json").write_text("\n".join(json.dumps({"q": "1?", "c": ["a", "b"], "a": n}) for n in (0, 1)))
    (tasks / "local.yaml").write_text(
        f"task: local\noutput_type: multiple_choice\ndataset_path: json\ntest_split: test\n"
        f"dataset_kwargs: {{data_files: {{test: {tasks / 'rows.json'}}}, cache_dir: {tmp_path / 'cache'}}}\n"
        "doc_to_text: '{{q}}'\ndoc_to_choice: '{{c}}'\ndoc_to_target: '{{a}}'\nmetric_list: [{metric: acc}]\n"
    )
    scoring = Scoring((("textvqa", textvqa(tmp_path / "textvqa")),), text=("local",), text_include=tasks)
    assert not is_scored(tmp_path / SCORES, scoring)
    score_run(tmp_path, scoring)
    results = Results.load(tmp_path / SCORES)
    assert (set(results.tasks), set(results.blind)) == ({"textvqa", "lm-eval-local-0shot"}, {"textvqa"})
    assert is_scored(tmp_path / SCORES, scoring)
    (tasks / "rows.json").write_text("")
    assert not is_scored(tmp_path / SCORES, scoring)
