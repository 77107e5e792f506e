"""The card of an export names what made the model, and only scores of this very model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from schemas.manifest import Manifest
from schemas.schedule import Schedule
from tests.helpers.checkpoints import PATCH, TURNS, checkpoint
from train.__main__ import main
from train.checkpoint.folder import find

QUESTIONS = [
    {"question_id": 0, "question": "Is it?", "answer": "no", "choices": ["yes", "no"]},
    {"question_id": 1, "question": "How?", "answer": "a", "choices": ["a", "b", "c"]},
]


def head(card: str) -> dict[str, object]:
    """What the hub reads."""
    found: dict[str, object] = yaml.safe_load(card.split("---\n")[1])
    return found


def scored(out: Path, folder: Path) -> Path:
    """Scores of the checkpoint on two questions without pictures."""
    (folder / "questions").mkdir()
    (folder / "questions/questions.json").write_text(json.dumps(QUESTIONS))
    asked = ["--tasks", f"questions={folder / 'questions'}", "-o", str(folder / "scores")]
    assert main(["evaluate", str(out), *asked]) == 0
    return folder / "scores"


def test_the_card_is_made_from_the_run(tmp_path: Path) -> None:
    out = checkpoint(tmp_path, encoder=PATCH, conversation=TURNS)
    schedule = Schedule.load(find(out) / "schedule.json")
    manifest = Path(schedule.sources[0].path) / "manifest.json"
    said = json.loads(manifest.read_text()) | {"licences": ["CC-BY-4.0", "MIT"]}
    manifest.write_text(json.dumps(said))
    assert Manifest.load(manifest.parent).content == schedule.sources[0].content
    (Path(schedule.sources[1].path) / "manifest.json").unlink()
    scores = scored(out, tmp_path)
    options = ["--scores", str(scores), "--licence", "apache-2.0"]
    assert main(["export", str(out), str(tmp_path / "hf"), *options]) == 0
    card = (tmp_path / "hf/README.md").read_text()
    told = head(card)
    assert (told["license"], told["pipeline_tag"], told["library_name"]) == (
        "apache-2.0", "image-text-to-text", "transformers"
    )  # fmt: skip
    results = json.loads((scores / "results.json").read_text())["tasks"]["questions"]
    (model,) = told["model-index"]  # type: ignore[misc]
    assert model["results"][0]["metrics"] == [{"type": results["metric"], "value": round(results["score"], 6)}]
    assert f"| questions | {results['metric']} | {results['score']:.4f} |" in card
    assert schedule.hash in card
    assert schedule.prefix_hash(8) in card
    assert str(TURNS) in card
    first, second, third = schedule.sources
    assert f"| {first.name} | text | 8 | `{first.content}` | CC-BY-4.0, MIT |" in card
    assert f"| {second.name} | {second.kind} | 0 | `{second.content}` | manifest not at hand |" in card
    assert f"| {third.name} | {third.kind} | 0 | `{third.content}` | none stated |" in card
    assert str(tmp_path) not in card, "where it was made is nobody's business"


def test_scores_of_another_model_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, tied in (("one", False), ("other", True)):
        (tmp_path / name).mkdir()
        checkpoint(tmp_path / name, encoder=PATCH, decoder={"tied": tied})
    scores = scored(tmp_path / "one/out", tmp_path)
    assert main(["export", str(tmp_path / "other/out"), str(tmp_path / "hf"), "--scores", str(scores)]) == 2
    assert "scores: --scores: these are scores of another model; evaluate this" in capsys.readouterr().err
    assert not (tmp_path / "hf").exists()


def test_without_scores_and_licence_the_card_claims_neither(tmp_path: Path) -> None:
    assert main(["export", str(checkpoint(tmp_path)), str(tmp_path / "hf")]) == 0
    card = (tmp_path / "hf/README.md").read_text()
    assert set(head(card)) == {"library_name", "pipeline_tag", "tags"}
    assert "None is stated for the weights." in card
    assert "## Scores" not in card
