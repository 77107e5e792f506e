"""A GGUF file holds the decoder's function: read by transformers, its logits are the checkpoint's; odd tokenizers are
refused.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from common.errors import InputError
from schemas.conversation_format import ConversationFormat
from tests.helpers.checkpoints import PATCH, TURNS, checkpoint, end_turns
from tests.helpers.commands import ROOT
from tests.helpers.small_tokenizer import byte_level_tokenizer
from train.__main__ import main
from train.evaluation.generation import Stem, answer
from train.evaluation.scored_model import open_subject
from train.export.gguf_file import PRE_TOKENIZERS, export_gguf, pairs_side_by_side, vocabulary_of
from train.export.hugging_face_model import load
from train.export.processor import hf_tokenizer

IDS = torch.randint(0, 258, (2, 40), generator=torch.Generator().manual_seed(0))
NOTHING = torch.empty(0, 3, 1, 1, dtype=torch.uint8)


def value(reader: gguf.GGUFReader, key: str) -> Any:
    field = reader.get_field(key)
    assert field is not None, key
    return field.contents()


@pytest.mark.parametrize(
    ("decoder", "dtype", "tolerance"),
    [
        ({"family": "llama"}, "float32", 1e-5),
        ({"family": "llama", "kv_heads": 4, "tied": True}, "float32", 1e-5),
        ({"family": "qwen3", "heads": 2, "kv_heads": 1, "head_width": 128}, "float32", 1e-5),
        ({"family": "qwen3", "heads": 2, "kv_heads": 1, "head_width": 128}, "bfloat16", 0.1),
    ],
    ids=["llama", "llama-tied", "qwen3", "qwen3-bfloat16"],
)
def test_logits_are_the_checkpoints(tmp_path: Path, decoder: dict[str, Any], dtype: str, tolerance: float) -> None:
    """transformers takes 128 for the head width of every qwen3 file, which it is in the paper's sizes."""
    out = checkpoint(tmp_path, decoder=decoder, encoder=PATCH, conversation=TURNS)
    export_gguf(out, tmp_path / "text.gguf", dtype=dtype)
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file="text.gguf").eval()
    with torch.no_grad():
        ours = load(out).model.logits(IDS, NOTHING)
        found = theirs(IDS).logits
    assert ours.std() > 0.5
    assert (ours - found).abs().max() < tolerance


def test_the_file_says_how_to_ask_and_where_an_answer_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = checkpoint(tmp_path, encoder=PATCH, conversation=TURNS)
    assert main(["export", str(out), str(tmp_path / "text.gguf"), "--gguf", "--licence", "apache-2.0"]) == 0
    assert "Qwen3ForCausalLM, float32, at sample 8; the text half alone" in capsys.readouterr().out
    reader = gguf.GGUFReader(tmp_path / "text.gguf")
    assert value(reader, "general.architecture") == "qwen3"
    assert value(reader, "general.license") == "apache-2.0"
    assert value(reader, "qwen3.attention.key_length") == 32
    assert value(reader, "tokenizer.ggml.pre") == "gpt-2"
    tokens, kinds = value(reader, "tokenizer.ggml.tokens"), value(reader, "tokenizer.ggml.token_type")
    assert (len(tokens), tokens[0], tokens[258:261]) == (320, "<|endoftext|>", ["<image>", "<end_of_turn>", "[PAD260]"])
    assert [kinds[n] for n in (0, 2, 259, 260)] == [3, 1, 3, 5]
    assert value(reader, "tokenizer.ggml.eos_token_id") == value(reader, "tokenizer.ggml.eot_token_id") == 259
    assert "ASSISTANT:" in value(reader, "tokenizer.chat_template")
    assert json.loads(value(reader, "switchpoint.export"))["position"] == 8
    names = {tensor.name for tensor in reader.tensors}
    assert len(names) == 2 * 11 + 3
    assert not [name for name in names if not name.startswith(("blk.", "token_embd.", "output"))]


def test_rows_of_a_head_that_rotate_together_become_neighbours() -> None:
    rows = np.arange(8, dtype=np.float32)[:, None]  # two heads of width 4
    assert pairs_side_by_side(rows, 4)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def split(pattern: str) -> dict[str, Any]:
    """The pre-tokenizer that Qwen's and Llama's tokenizer files have."""
    regular = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {"type": "Sequence", "pretokenizers": [regular, byte_level]}


def test_tokenizers_are_told_by_their_expression() -> None:
    said: dict[str, Any] = byte_level_tokenizer()
    found = vocabulary_of(said, Path("t"), 320)
    assert (found.pre, found.merges[0], found.kinds[265]) == ("gpt-2", "t h", 4)
    for pattern, name in list(PRE_TOKENIZERS.items())[1:]:
        model = {**said["model"], "ignore_merges": name == "llama-bpe"}
        assert vocabulary_of({**said, "model": model, "pre_tokenizer": split(pattern)}, Path("t"), 320).pre == name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"pre_tokenizer": split(r"\w+")}, "pre_tokenizer"),
        ({"pre_tokenizer": None}, "pre_tokenizer"),
        ({"normalizer": {"type": "Lowercase"}}, "normalizer"),
        ({"model": {**byte_level_tokenizer()["model"], "type": "Unigram"}}, "model Unigram"),  # type: ignore[dict-item]
        ({"model": {**byte_level_tokenizer()["model"], "ignore_merges": True}}, "ignore_merges"),  # type: ignore[dict-item]
    ],
)
def test_tokenizers_that_llama_cpp_has_not_are_refused(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=rf"no tokenizer that llama\.cpp has: {named}.*leave --gguf out"):
        vocabulary_of({**byte_level_tokenizer(), **change}, Path("t"), 320)


def test_refusals_leave_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = checkpoint(tmp_path)
    target = tmp_path / "text.gguf"
    command = ["export", str(out), str(target), "--gguf"]
    assert main([*command, "--push", "a/b"]) == 2
    assert "--push: does not go with --gguf" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "gguf", None)
    assert main(command) == 2
    assert "pip install '.[gguf]'" in capsys.readouterr().err
    monkeypatch.undo()
    assert not list(tmp_path.glob("*gguf*"))
    target.write_text("taken")
    assert main(command) == 2
    assert "something is here already" in capsys.readouterr().err
    assert target.read_text() == "taken"


@pytest.fixture(scope="module")
def llama_cpp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with xllamacpp, llama.cpp as a wheel."""
    folder = tmp_path_factory.mktemp("llama-cpp")
    asked = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), "xllamacpp"]
    done = subprocess.run(asked, capture_output=True, text=True)
    if not (folder / "xllamacpp").is_dir():
        pytest.skip(f"xllamacpp cannot be installed here: {done.stderr.strip()[-200:]}")
    return folder


MESSAGES = ["What is it?", "who  are\n\tyou", "Zählt das? 1234567 x"]
TEXTS = [
    "The quick brown fox, it's 12345.67 (or not): don't!\n\n  def f(x):\n        return x+1\t# 中文 naïve 🙂 \r\n",
    " " * 30 + "x" + " " * 5 + "\n" * 4 + "a_b-c  |||EMAIL_ADDRESS||| I'LL we've",
    "USER: a<end_of_turn>b<|endoftext|>c",
]


@pytest.mark.soak
@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_llama_cpp_reads_the_same_ids_logits_and_ends(
    tmp_path: Path, family: str, llama_cpp: Path, real_tokenizer_dir: Path
) -> None:
    """With GPT-NeoX's tokenizer; the model's weights are made, and end a turn where they would say a frequent token."""
    torch.manual_seed(3)
    form = ConversationFormat(version=2, end_of_turn="<end_of_turn>", end_of_turn_id=50_281)
    file = real_tokenizer_dir / "tokenizer.json"
    out = checkpoint(tmp_path, decoder={"family": family}, encoder=PATCH, conversation=form, tokenizer=file)
    subject = open_subject(out)
    encoder = subject.encoder(blind=True)
    stems = [Stem(row, encoder.stem(message, False)) for row, message in enumerate(MESSAGES)]
    pixels = np.empty((len(MESSAGES), 0, 3, 1, 1), np.uint8)
    end_turns(out, subject, stems, pixels, 24)
    subject = open_subject(out)
    export_gguf(out, tmp_path / "text.gguf")
    ids = [stem.ids for stem in stems] + torch.randint(0, 50_000, (2, 200)).tolist()
    asked = {"ids": ids, "rows": 50_304, "texts": TEXTS, "messages": MESSAGES, "most": 24}
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/helpers/read_gguf.py"), str(tmp_path / "text.gguf")],
        input=json.dumps(asked), capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(llama_cpp)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    known = hf_tokenizer(file, subject.identity, form, 2048, images=False)
    assert found["tokens"] == [known(text).input_ids for text in TEXTS]
    for one, scores in zip(ids, found["scored"], strict=True):
        with torch.no_grad():
            ours = subject.logits(torch.tensor([one]), torch.empty(0, 3, 1, 1))[0, -1].log_softmax(-1)
        assert len(scores) == 50_304
        assert max(abs(score - ours[int(row)].item()) for row, score in scores.items()) < 1e-4
    for stem, said in zip(stems, found["answers"], strict=True):
        assert known(said["prompt"]).input_ids == stem.ids
        (text,) = answer(subject, [stem], lambda item: pixels[item], 24)
        assert known.decode(said["ids"], skip_special_tokens=True).strip() == text
    assert {said["stop"] for said in found["answers"]} >= {"eos"}
