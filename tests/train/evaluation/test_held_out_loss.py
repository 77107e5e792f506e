"""Held-out loss is training's own loss on rows that were set aside."""

import numpy as np
import pytest
import torch

from common.errors import InputError
from schemas.conversation_format import VERSION_1
from schemas.manifest import Manifest
from schemas.results import Results
from tests.helpers import synthetic
from tests.helpers.checkpoints import PATCH, TURNS, checkpoint
from train.__main__ import main
from train.checkpoint.state import schedule_of
from train.evaluation.held_out_loss import held_out_loss
from train.export.hugging_face_model import load
from train.loader.rows.batch import Batch
from train.loader.rows.collate import collate
from train.loader.rows.decode import decode_row


@pytest.fixture
def out(tmp_path):
    """A checkpoint, and the synthetic datasets rewritten to its tokenizer."""
    found = checkpoint(tmp_path, encoder=PATCH)
    identity = load(found).saved.tokenizer
    for kind in ("text", "conversations"):
        manifest = Manifest.load(tmp_path / kind)
        changed = manifest.model_copy(update={"tokenizer": identity})
        (tmp_path / kind / "manifest.json").write_text(changed.model_dump_json())
    return found


def test_it_is_the_models_loss(out, tmp_path):
    argv = ["evaluate", str(out), "--loss", f"text={tmp_path / 'text'}", "-o", str(tmp_path / "scores")]
    assert main(argv) == 0
    told = Results.load(tmp_path / "scores").tasks["loss-text"]
    loaded = load(out)
    rng = np.random.default_rng(0)
    raw = [synthetic.sample("text", index, rng) for index in range(60)]
    rows = [decode_row(row, 0, synthetic.SEQ_LEN, loaded.saved.tokenizer, synthetic.GEOMETRY) for row in raw]
    batch: Batch = collate(rows)
    with torch.no_grad():
        nll = loaded.model(batch).nll
    assert told.score == pytest.approx(nll.mean().item(), rel=1e-5)
    assert (told.items, told.metrics["tokens"]) == (60, len(nll))
    assert not told.higher_is_better
    again = held_out_loss(out, "text", tmp_path / "text", tmp_path / "scores", batch_size=3)
    assert again == told


def test_only_with_the_models_tokenizer(out, tmp_path):
    with pytest.raises(InputError, match="tokenizer of the held-out data is not the model's; prepare held-out data"):
        held_out_loss(out, "pairs", tmp_path / "pairs", tmp_path / "scores")
    with pytest.raises(InputError, match="not a finished dataset"):
        held_out_loss(out, "none", tmp_path / "none", tmp_path / "scores")


def test_only_with_conversations_of_the_models_version(out, tmp_path, capsys):
    """The model's schedule has conversations of version 1; one without any fits all."""
    path = tmp_path / "conversations"
    changed = Manifest.load(path).model_copy(update={"conversation": TURNS})
    (path / "manifest.json").write_text(changed.model_dump_json())
    assert main(["evaluate", str(out), "--loss", f"talk={path}", "-o", str(tmp_path / "scores")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "conversation format of the held-out data is not the model's (version 2, turns end with" in line
    assert "the model's: version 1); prepare held-out data as the training data was" in line
    schedule = schedule_of(next((out / "checkpoints").iterdir()))
    assert schedule.conversation_format == VERSION_1
    assert schedule.model_copy(update={"sources": schedule.sources[:2]}).conversation_format is None
