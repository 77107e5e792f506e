"""A page shows windows as the model reads them: text, pictures, what bears loss, and what is behind them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from switchpoint.__main__ import main
from tests.helpers import synthetic


@pytest.fixture
def tokenizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tokenizer of the synthetic datasets: one word an id."""
    Tokenizer(WordLevel({f"w{n}": n for n in range(60)}, unk_token="w0")).save(str(tmp_path / "tokenizer.json"))
    digest = hashlib.sha256((tmp_path / "tokenizer.json").read_bytes()).hexdigest()
    monkeypatch.setattr(synthetic, "TOKENIZER", synthetic.TOKENIZER.model_copy(update={"digest": digest}))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "tokenizer.json"


def test_windows_of_a_dataset_come_from_all_over_it(tokenizer: Path, tmp_path: Path) -> None:
    out = synthetic.write(tmp_path, "conversations", 40)
    arguments = ["show", str(out), "--tokenizer", str(tokenizer), "--limit", "3"]
    assert main(arguments) == 0
    page = (tmp_path / "show.html").read_text()
    assert page.count("<h2>dataset: sample ") == 3
    assert page.count("data:image/png;base64,") == page.count("<figcaption>image ") >= 3
    assert '<span class="quiet">w2 w' in page, "what opens a window bears no loss"
    assert '<span class="quiet">[image 1]</span>' in page
    assert "what is behind it is not known" in page, "a dataset without provenance is shown all the same"
    assert main([*arguments, "--seed", "1", "-o", "other.html"]) == 0
    assert (tmp_path / "other.html").read_text() != page


def test_a_step_shows_what_explain_lists(tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schedule = synthetic.schedule(tmp_path)
    schedule.save(tmp_path / "schedule.json")
    step = schedule.total_samples // schedule.global_batch // 2
    assert main(["explain", "schedule.json", "--step", str(step)]) == 0
    listed = [line.split()[:4] for line in capsys.readouterr().out.splitlines() if line.split()[:1][0].isdecimal()]
    assert main(["show", "schedule.json", "--tokenizer", str(tokenizer), "--step", str(step), "--limit", "99"]) == 0
    page = (tmp_path / "show.html").read_text()
    assert f"Step {step}: positions " in page
    assert len(listed) == schedule.global_batch
    for position, source, _, sample in listed:
        assert f"<h2>{source}: sample {sample}, at position {position}</h2>" in page


def test_mistakes_are_one_line(tokenizer: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = synthetic.write(tmp_path, "text", 40)
    for arguments, said in (
        ([str(out), "--step", "1"], "--step: a dataset has no steps; name a schedule"),
        (["nowhere.json"], "nowhere.json: cannot read the schedule"),
    ):
        assert main(["show", *arguments, "--tokenizer", str(tokenizer)]) == 2
        assert said in capsys.readouterr().err
