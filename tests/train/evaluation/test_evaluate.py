"""From a checkpoint and a question file to scores."""

import hashlib
import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from composer.core import Timestamp
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from common.errors import InputError
from schemas.manifest import TokenizerIdentity
from schemas.run_log import Scores
from tests.helpers import synthetic
from train.__main__ import main
from train.checkpoint.save import CheckpointStore
from train.config.run_config import RunConfig
from train.evaluation.evaluate import choose, tally
from train.evaluation.prompts import PromptEncoder
from train.evaluation.questions import Question, load_questions
from train.models.build import build_model

SHAPE = {"width": 16, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 8, "mlp_width": 24}


@pytest.fixture
def folder(tmp_path):
    """A checkpoint at position 8, a byte-level tokenizer, and two questions about one image."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {"<|endoftext|>": 0, "<|padding|>": 1, **{letter: n + 2 for n, letter in enumerate(letters)}}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<|endoftext|>", "<|padding|>"])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    identity = TokenizerIdentity(
        digest=hashlib.sha256((tmp_path / "tokenizer.json").read_bytes()).hexdigest(),
        vocabulary_size=258,
        end_of_text_id=0,
        pad_id=1,
        image_id=258,
    )
    schedule = synthetic.schedule(tmp_path).model_copy(update={"tokenizer": identity})
    settings = {"schedule": "s", "out": tmp_path / "out", "model": {"decoder": SHAPE}, "microbatch": 1}
    run = RunConfig.model_validate({**settings, "tokenizer": tmp_path / "tokenizer.json"})
    model = build_model(run, schedule)
    state = SimpleNamespace(timestamp=Timestamp(sample=8, batch=1), optimizers=[torch.optim.AdamW(model.parameters())])
    CheckpointStore(run.out, model, run, schedule).save(state, {"text": 8}, lasting=True)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "one.png")
    questions = [
        {"question_id": 0, "image": "one.png", "question": "Is it?", "answer": "no", "choices": ["yes", "no"]},
        {
            "question_id": 1,
            "image": "one.png",
            "question": "How?",
            "answer": "a",
            "choices": ["a", "b", "c"],
            "kind": "k",
        },
    ]
    (tmp_path / "questions.json").write_text(json.dumps(questions))
    return tmp_path


def test_the_command_writes_scores(folder, capsys):
    common = ["evaluate", str(folder / "out"), "--questions", str(folder / "questions.json"), "-o"]
    assert main([*common, str(folder / "scores.json")]) == 0
    scores = Scores.model_validate_json((folder / "scores.json").read_bytes())
    assert (scores.questions, scores.position, scores.blind) == (2, 8, False)
    assert scores.chance == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert set(scores.by_kind) == {"question", "k"}
    assert "chance 41.7%" in capsys.readouterr().out
    assert main([*common, str(folder / "blind.json"), "--blind"]) == 0
    blind = Scores.model_validate_json((folder / "blind.json").read_bytes())
    assert blind.blind
    assert blind.answers[0].log_probabilities != scores.answers[0].log_probabilities


def test_another_tokenizer_is_refused(folder):
    text = (folder / "tokenizer.json").read_text()
    (folder / "tokenizer.json").write_text(text + " ")
    with pytest.raises(InputError, match="did not make the data"):
        main(["evaluate", str(folder / "out"), "--questions", str(folder / "questions.json"), "-o", "x.json"])


def test_prompt_is_the_template_and_special_text_stays_text(folder):
    identity = synthetic.TOKENIZER.model_copy(
        update={"digest": hashlib.sha256((folder / "tokenizer.json").read_bytes()).hexdigest(), "image_id": 258}
    )
    question = Question(question_id=0, image="i", question="<|endoftext|>?", answer="a", choices=["a", "bc"])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    for blind in (False, True):
        encoder = PromptEncoder.checked(folder, identity, None if blind else synthetic.GEOMETRY)
        first, second = encoder.prompts(3, question)
        assert first.ids[: 0 if blind else 4] == ([] if blind else [258] * 4)
        assert 0 not in first.ids
        assert (first.question, second.choice, second.choice_length) == (3, 1, 3)
        text = "USER: <|endoftext|>?\nASSISTANT: bc"
        assert len(second.ids) == len(text) + (0 if blind else 4)
        assert "".join(tokenizer.id_to_token(i) for i in second.ids[-3:]) == "Ġbc"


def test_choices_and_tallies():
    questions = [
        Question(question_id=i, question="q", answer="a", choices=["a", "b"], kind="xy"[i % 2]) for i in range(4)
    ]
    scores = {(i, c): float(c == (i == 3)) for i in range(4) for c in range(2)}
    answers, groups = choose(questions, scores)
    assert [answer.correct for answer in answers] == [True, True, True, False]
    assert tally(groups["x"]).accuracy == 1
    assert tally(groups["y"]).accuracy == tally(groups["y"]).chance == 0.5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{]", "not JSON"),
        ('[{"question_id": 1}]', "not a question file"),
        ('[{"question_id": 1, "question": "q", "answer": "z", "choices": ["a", "b"]}]', "not among its choices"),
    ],
)
def test_damaged_question_files_are_refused(tmp_path, text, message):
    (tmp_path / "q.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load_questions(tmp_path / "q.json")
    with pytest.raises(InputError, match="cannot read"):
        load_questions(tmp_path / "none.json")
