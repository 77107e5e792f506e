"""Honest mistakes of a first day: each is one line with file, line, key and remedy, exit status 2, and nothing is lost.

The commands are called in this process. Mistakes that only a cluster or a launcher meets are in
`tests/system/test_spark_cluster.py` and `tests/train/test_main.py`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.curriculum.conftest import manifest
from tests.helpers.folders import tree
from tests.helpers.small_tokenizer import byte_level_tokenizer

CURRICULUM = """\
seed: 7
global_batch: 16
trunk: 60 steps
sources:
  text: {path: data/text}
  pairs: {path: data/pairs, exhausted: repeat}
learning_rate: {peak: 3e-3, warmup: 10 steps, shape: cosine, floor: 3e-5, over: 100%}
phases:
  - name: text
    until: 60%
    mix: {text: 1}
  - name: pictures
    until: 100%
    mix: {text: 0.9, pairs: 0.1}
"""
TEXT = """\
inputs: docs/*.jsonl
out: out/text
tokenizer: tokenizer
seq_len: 64
seed: 7
"""
PAIRS = """\
inputs: pictures/*.tar
out: out/pairs
tokenizer: tokenizer
seq_len: 64
seed: 7
geometry: {size: 32, patch: 16}
captions: {use: web}
"""
CONVERSATIONS = """\
inputs: talks/talks.json
image_root: talks/images
out: out/conversations
tokenizer: tokenizer
seq_len: 64
seed: 7
geometry: {size: 32, patch: 16}
"""
RUN = """\
schedule: schedule.json
out: run
tokenizer: tokenizer/tokenizer.json
model:
  decoder: {width: 64, layers: 2, heads: 2, kv_heads: 2, head_width: 32, mlp_width: 128}
  encoder: {kind: patch, width: 64, layers: 1}
microbatch: 8
checkpoint: {every: 60}
"""
TALK = {
    "id": "1",
    "image": "1.png",
    "conversations": [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A."}],
}
FILES = {
    "curriculum.yaml": CURRICULUM,
    "text.yaml": TEXT,
    "pairs.yaml": PAIRS,
    "conversations.yaml": CONVERSATIONS,
    "run.yaml": RUN,
    "docs/a.jsonl": '{"text": "A red box."}\n',
    "talks/talks.json": json.dumps([TALK]),
    "tokenizer/tokenizer.json": json.dumps(byte_level_tokenizer()),
    "data/text/manifest.json": json.dumps(manifest("text", 10_000)),
    "data/pairs/manifest.json": json.dumps(manifest("pairs", 2_000)),
    "data/long/manifest.json": json.dumps(manifest("pairs", 2_000, seq_len=256)),
    "data/other/manifest.json": json.dumps(
        manifest("pairs", 2_000, tokenizer={**manifest("text", 1)["tokenizer"], "digest": "b" * 64})
    ),
    "data/raw/part-0.parquet": "PAR1",
    "pictures/0.tar": "",
}


class Mistake(NamedTuple):
    """What a user did: `new` in place of `old` in `file`, then `command`."""

    name: str
    command: str
    problem: str
    remedy: str
    file: str = ""
    old: str = ""
    new: str = ""


COMPILE, CHECK = "compile curriculum.yaml -o made.json", "check curriculum.yaml"
C, T, P, V, R = "curriculum.yaml", "text.yaml", "pairs.yaml", "conversations.yaml", "run.yaml"
MISTAKES = [
    Mistake(
        "a key is misspelt",
        COMPILE,
        "curriculum.yaml:8: phazes: unknown key (and 1 more error)",
        "did you mean 'phases'?",
        C,
        "phases:",
        "phazes:",
    ),
    Mistake(
        "a key stands twice",
        COMPILE,
        "curriculum.yaml:2: seed: the key stands twice (first on line 1)",
        "remove one of the two",
        C,
        "seed: 7",
        "seed: 7\nseed: 8",
    ),
    Mistake(
        "a tab indents",
        COMPILE,
        "curriculum.yaml:5: not valid YAML: found character '\\t' that cannot start any token",
        "indent with spaces",
        C,
        "  text: {path",
        "\ttext: {path",
    ),
    Mistake(
        "a brace is open",
        COMPILE,
        "curriculum.yaml:12: not valid YAML: expected ',' or '}', but got ':'",
        "close the brace, or put a comma between the items",
        C,
        "{text: 1}",
        "{text: 1",
    ),
    Mistake(
        "a number is a word",
        COMPILE,
        "curriculum.yaml:7: learning_rate.peak: 'high' is no learning rate",
        "write a number from 0 up, such as 3e-3 or 0.003",
        C,
        "peak: 3e-3",
        "peak: high",
    ),
    Mistake(
        "a batch of nothing",
        COMPILE,
        "curriculum.yaml:2: global_batch: Input should be greater than or equal to 1 (found",
        "write 1 or more",
        C,
        "global_batch: 16",
        "global_batch: 0",
    ),
    Mistake(
        "shares exceed the whole",
        COMPILE,
        "curriculum.yaml:14: phases[1].mix: shares sum to 1.05 instead of 1 (0.95 + 0.1)",
        "take 0.05 away",
        C,
        "text: 0.9",
        "text: 0.95",
    ),
    Mistake(
        "a source is not declared",
        COMPILE,
        "curriculum.yaml:14: phases[1].mix.images: unknown source 'images'",
        "sources are: text, pairs",
        C,
        "pairs: 0.1",
        "images: 0.1",
    ),
    Mistake(
        "a phase ends before it begins",
        COMPILE,
        "curriculum.yaml:13: phases[1].until: phase 'pictures' overlaps the one before: it",
        "end it later, or the one before earlier ('until'",
        C,
        "until: 100%",
        "until: 20%",
    ),
    Mistake(
        "past the end",
        COMPILE,
        "curriculum.yaml:13: phases[1].until: 'pictures' ends at 120% of the trunk: the",
        "end it at 100% or before; or else draw it longer",
        C,
        "until: 100%",
        "until: 120%",
    ),
    Mistake(
        "an unknown unit",
        COMPILE,
        "curriculum.yaml:3: trunk: '60 epochs' is not an amount",
        "write tokens as 28B or 4.3T, or 80%, 400 steps,",
        C,
        "trunk: 60 steps",
        "trunk: 60 epochs",
    ),
    Mistake(
        "a leading zero",
        COMPILE,
        "curriculum.yaml:1: seed: not plain data: YAML 1.1 reads 010 in base 8, YAML 1.2 in",
        "write it without the leading zero, or quote it, if",
        C,
        "seed: 7",
        "seed: 010",
    ),
    Mistake(
        "an unquoted parameter",
        COMPILE,
        "curriculum.yaml:14: not valid YAML: expected ',' or '}', but got '{'",
        "in braces and brackets, quote it: '${name}'",
        C,
        "pairs: 0.1}",
        "pairs: ${share}}",
    ),
    Mistake(
        "another trainer's key",
        COMPILE,
        "curriculum.yaml:2: lr: unknown key",
        "write learning_rate: {peak: ..., warmup: ...} in",
        C,
        "seed: 7",
        "seed: 7\nlr: 1e-3",
    ),
    Mistake(
        "another trainer's length",
        COMPILE,
        "curriculum.yaml:3: max_duration: unknown key",
        "give each phase of the curriculum its length",
        C,
        "trunk:",
        "max_duration:",
    ),
    Mistake(
        "no such dataset",
        COMPILE,
        "curriculum.yaml:6: sources.pairs.path: data/paris: no manifest.json, so this is not",
        "run (or re-run) the dataprep job that writes it",
        C,
        "data/pairs",
        "data/paris",
    ),
    Mistake(
        "raw data for a dataset",
        COMPILE,
        "curriculum.yaml:6: sources.pairs.path: data/raw: no manifest.json, so this is not a",
        "run (or re-run) the dataprep job that writes it",
        C,
        "data/pairs",
        "data/raw",
    ),
    Mistake(
        "mixed tokenizers",
        COMPILE,
        "curriculum.yaml:6: sources.pairs.path: tokenizer differs: 'pairs' has",
        "tokenize both with the same tokenizer.json",
        C,
        "data/pairs",
        "data/other",
    ),
    Mistake(
        "mixed lengths",
        COMPILE,
        "curriculum.yaml:6: sources.pairs.path: sequence length differs: 'pairs' has 256,",
        "pack both with the same seq_len",
        C,
        "data/pairs",
        "data/long",
    ),
    Mistake(
        "too little data",
        CHECK,
        "curriculum.yaml:5: sources.text.exhausted: 'text' has 10,000 samples, phase 'text'",
        "allow passes ('exhausted: repeat, max_passes: 58'),",
        C,
        "trunk: 60 steps",
        "trunk: 60000 steps",
    ),
    Mistake(
        "warm-up longer than the run",
        COMPILE,
        "curriculum.yaml:7: learning_rate.warmup: the warm-up fills the whole curve (960",
        "shorten it",
        C,
        "warmup: 10 steps",
        "warmup: 600 steps",
    ),
    Mistake(
        "an unknown shape",
        COMPILE,
        "curriculum.yaml:7: learning_rate.shape: Input should be 'cosine', 'linear',",
        "did you mean 'cosine'?",
        C,
        "shape: cosine",
        "shape: cosin",
    ),
    Mistake(
        "the file is not there",
        "compile curiculum.yaml -o made.json",
        "curiculum.yaml: cannot read the file (No such file or directory)",
        "check the path",
    ),
    Mistake(
        "a folder for the file",
        "compile data -o made.json",
        "data: cannot read the file (Is a directory)",
        "check the path",
    ),
    Mistake(
        "the output is a folder",
        "compile curriculum.yaml -o data",
        "data: Is a directory",
        "check the path",
    ),
    Mistake(
        "a step behind the end",
        "explain schedule.json --step 99",
        "no step 99",
        "the run has steps 0 to 59 of 16 samples",
    ),
    Mistake(
        "a dataset for a schedule",
        "explain data/text --step 1",
        "data/text: cannot read the schedule (Is a directory)",
        "compile one: python -m curriculum compile",
    ),
    Mistake(
        "no inputs",
        "job text text.yaml --dry-run",
        "doc/*.jsonl: no file matches",
        "check the path or the glob",
        T,
        "docs/*.jsonl",
        "doc/*.jsonl",
    ),
    Mistake(
        "no such text field",
        "job text text.yaml --dry-run",
        "docs/a.jsonl: nothing would be written: all rows of a sample rejected: missing_text",
        "check `text_field`",
        T,
        "seed: 7",
        "seed: 7\ntext_field: body",
    ),
    Mistake(
        "a window of nothing",
        "job text text.yaml --dry-run",
        "text.yaml:4: seq_len: Input should be greater than or equal to 1 (found 0)",
        "write 1 or more",
        T,
        "seq_len: 64",
        "seq_len: 0",
    ),
    Mistake(
        "a length with a unit",
        "job text text.yaml --dry-run",
        "text.yaml:4: seq_len: Input should be a valid integer, unable to parse string as an",
        "write a whole number",
        T,
        "seq_len: 64",
        "seq_len: 2k",
    ),
    Mistake(
        "no tokenizer",
        "job text text.yaml --dry-run",
        "tokeniser/tokenizer.json: cannot read the file (No such file or directory)",
        "check the path",
        T,
        "tokenizer: tokenizer",
        "tokenizer: tokeniser",
    ),
    Mistake(
        "no end of text",
        "job text text.yaml --dry-run",
        "tokenizer/tokenizer.json: end_of_text: the vocabulary has no special token '</s>'",
        "name one of its special tokens: <|endoftext|> (0),",
        T,
        "seed: 7",
        "seed: 7\nend_of_text: </s>",
    ),
    Mistake(
        "a slash is missing",
        "job text text.yaml --dry-run",
        "text.yaml:2: out: s3:/bucket/text has lost a slash",
        "write s3://bucket/text",
        T,
        "out: out/text",
        "out: s3:/bucket/text",
    ),
    Mistake(
        "an unknown store",
        "job text text.yaml --dry-run",
        "ftp://host/docs: cannot open this kind of storage (Unrecognized filesystem type in",
        "use a path, s3://, gs://, hdfs://, hf://datasets/",
        T,
        "docs/*.jsonl",
        "ftp://host/docs/*.jsonl",
    ),
    Mistake(
        "out is a file",
        "job text text.yaml --dry-run",
        "docs/a.jsonl: out: is a file",
        "name a folder, or one to be made",
        T,
        "out: out/text",
        "out: docs/a.jsonl",
    ),
    Mistake(
        "no JSON lines",
        "job text text.yaml --dry-run",
        "tokenizer/tokenizer.json: nothing would be written: all rows of a sample rejected:",
        "check `text_field`",
        T,
        "docs/*.jsonl",
        "tokenizer/tokenizer.json",
    ),
    Mistake(
        "a picture larger than a window",
        "job pairs pairs.yaml --dry-run",
        "seq_len: 64 ids are no room for a pair: its image takes 256",
        "use at least 258, or choose a `geometry` of fewer",
        P,
        "size: 32",
        "size: 256",
    ),
    Mistake(
        "no pictures",
        "job pairs pairs.yaml --dry-run",
        "pictures/*.zip: no file matches",
        "check the path or the glob",
        P,
        "pictures/*.tar",
        "pictures/*.zip",
    ),
    Mistake(
        "no image root",
        "job conversations conversations.yaml --dry-run",
        "talks/images: image_root: no such folder",
        "give the folder that the rows' `image` paths begin",
    ),
    Mistake(
        "a job's file for another",
        "job pairs text.yaml --dry-run",
        "text.yaml:1: geometry: the key is missing",
        "add it",
    ),
    Mistake(
        "a master misspelt",
        "prepare text text.yaml -- --master sprak://host:7077",
        "--master: there is no such kind of Spark master: sprak://host:7077",
        "write spark://HOST:7077, yarn,",
    ),
    Mistake(
        "a run's key misspelt",
        "run run.yaml",
        "run.yaml:7: microbatches: unknown key (and 1 more error)",
        "did you mean 'microbatch'?",
        R,
        "microbatch:",
        "microbatches:",
    ),
    Mistake(
        "heads that do not fit",
        "run run.yaml",
        "run.yaml:5: model.decoder: heads (2) is not a multiple of kv_heads (3)",
        "choose a divisor",
        R,
        "kv_heads: 2",
        "kv_heads: 3",
    ),
    Mistake(
        "no schedule",
        "run run.yaml",
        "shedule.json: cannot read the schedule (No such file or directory)",
        "compile one: python -m curriculum compile",
        R,
        "schedule.json",
        "shedule.json",
    ),
    Mistake(
        "a curriculum for a run's schedule",
        "run run.yaml",
        "curriculum.yaml: not a schedule: Invalid JSON: expected value at line 1 column 1",
        "compile it (again) with this version: python -m",
        R,
        "schedule.json",
        "curriculum.yaml",
    ),
    Mistake(
        "nothing to verify",
        "verify docs",
        "docs: no dataset, run, sweep or export here",
        "name the folder that holds one of sweep.json,",
    ),
    Mistake(
        "no such folder", "verify dataset", "dataset: no such folder", "name the folder that holds one of sweep.json,"
    ),
    Mistake(
        "nothing to report",
        "report docs",
        "docs: no dataset, run, sweep or export here",
        "name the folder that holds one of sweep.json,",
    ),
]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where all is right."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def schedule(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The schedule of the right curriculum."""
    from curriculum.__main__ import main

    folder = tmp_path_factory.mktemp("schedule")
    for name in ("curriculum.yaml", "data/text/manifest.json", "data/pairs/manifest.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(FILES[name])
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        assert main(["compile", "curriculum.yaml", "-o", "schedule.json"]) == 0
    return (folder / "schedule.json").read_text()


def call(command: str, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run a command as its program does."""
    name, *arguments = command.split()
    if name == "job":
        from importlib import import_module

        monkeypatch.setattr(sys, "argv", arguments)
        job: Callable[[], int] = import_module(f"dataprep.jobs.{arguments[0]}").main
        return job()
    if name == "run":
        from train.main import main as train

        return train(arguments)
    from switchpoint.__main__ import main

    return main(command.split())


@pytest.mark.parametrize("mistake", MISTAKES, ids=[one.name for one in MISTAKES])
def test_a_mistake_is_one_line(
    mistake: Mistake, world: Path, schedule: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (world / "schedule.json").write_text(schedule)
    if mistake.file:
        text = FILES[mistake.file]
        assert mistake.old in text
        (world / mistake.file).write_text(text.replace(mistake.old, mistake.new, 1))
    before = tree(world)
    status = call(mistake.command, monkeypatch)
    said = capsys.readouterr().err
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert status == 2
    problem, _, remedy = line.partition("; ")
    assert mistake.problem in problem, line
    assert mistake.remedy in remedy, line
    assert "Traceback" not in said
    assert tree(world) == before
