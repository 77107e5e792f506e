"""Tests of one input file's ids: documents end to end, provenance beside them, held-out ones apart, rejects counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataprep.engine.task_workspace import Scratch
from dataprep.engine.tasks import Receipt
from dataprep.provenance.token_parts import part_file
from dataprep.text import tokenize as module
from dataprep.text.config import TextJob
from dataprep.text.inputs import Input
from dataprep.text.tokenize import terminated, token_file, tokenize
from dataprep.tokens.encoder import encoder
from dataprep.tokens.tokenizer import TokenizerSpec

TEXTS = [f"the {number} and <|endoftext|> " * (number % 5 + 1) for number in range(40)]


@given(st.lists(st.lists(st.integers(2, 99), max_size=6), max_size=8))
def test_every_document_is_followed_by_end_of_text(documents: list[list[int]]) -> None:
    flat = np.array([i for one in documents for i in one], np.uint32)
    lengths = np.array([len(one) for one in documents], np.int64)
    expected = [i for one in documents for i in (*one, 0)]
    assert terminated(flat, lengths, 0, np.dtype(np.uint16)).tolist() == expected


def run(folder: Path, tokenizer: TokenizerSpec, lines: list[Any], **changes: Any) -> Receipt:
    """The receipt of one input, number 2; its files are below `folder`/out."""
    source = folder / "in.jsonl"
    source.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    settings = {"inputs": str(source), "out": str(folder / "out"), "tokenizer": "t", "provenance": ["url", "a.b"]}
    job = TextJob.model_validate({**settings, **changes})
    (folder / "work").mkdir(exist_ok=True)
    return tokenize(Input(2, str(source)), Scratch(job.out, folder / "work"), job=job, spec=tokenizer)


def ids_of(folder: Path, split: str) -> list[int]:
    return np.fromfile(folder / "out" / token_file(split, 2), np.uint16).tolist()


def encoded(tokenizer: TokenizerSpec, texts: list[str]) -> list[int]:
    coder = encoder(tokenizer)
    return [one for text in texts for one in (*coder.encode_reference([text])[0].tolist(), 0)]


def test_ids_and_provenance_are_the_documents_in_order(
    tmp_path: Path, tokenizer: TokenizerSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH", 100)
    rows = [{"text": text, "url": f"u{n}", "a": {"b": "x" if n % 2 else n}} for n, text in enumerate(TEXTS)]
    receipt = run(tmp_path, tokenizer, rows)
    assert ids_of(tmp_path, "train") == encoded(tokenizer, TEXTS)
    table = pq.read_table(tmp_path / "out" / part_file("train", 2))
    assert table["line"].to_pylist() == list(range(1, 41))
    assert table["tokens"].to_pylist() == [len(encoded(tokenizer, [text])) for text in TEXTS]
    assert table["url"].to_pylist() == [f"u{n}" for n in range(40)]
    assert table["a.b"].to_pylist() == ["x" if n % 2 else None for n in range(40)], "a number is no text"
    assert (receipt["rows"], receipt["characters"], receipt["rejected"]) == (40, sum(map(len, TEXTS)), {})
    assert receipt["splits"] == {"train": {"documents": 40, "tokens": len(ids_of(tmp_path, "train"))}}
    assert (receipt["tokens"], sum(receipt["lengths"]), receipt["warning"]) == (
        table["tokens"].to_numpy().sum(),
        40,
        None,
    )


def test_copies_of_a_text_fall_on_one_side_and_the_sides_are_all(tmp_path: Path, tokenizer: TokenizerSpec) -> None:
    rows = [{"text": text} for text in (*TEXTS, *TEXTS)]
    receipt = run(tmp_path, tokenizer, rows, held_out=0.3)
    lines = {name: pq.read_table(tmp_path / "out" / part_file(name, 2))["line"].to_pylist()
             for name in ("train", "held_out")}  # fmt: skip
    assert sorted(lines["train"] + lines["held_out"]) == list(range(1, 81))
    assert {line <= 40 or line - 40 in lines["train"] for line in lines["train"]} == {True}
    assert 4 <= len(lines["held_out"]) / 2 <= 22
    assert ids_of(tmp_path, "held_out") == encoded(tokenizer, [(TEXTS * 2)[line - 1] for line in lines["held_out"]])
    assert sum(part["documents"] for part in receipt["splits"].values()) == 80
    first = ids_of(tmp_path, "held_out")
    run(tmp_path, tokenizer, rows, held_out=0.3, seed=1)
    assert ids_of(tmp_path, "held_out") != first, "the seed chooses"


def test_rejects_are_counted_and_named(tmp_path: Path, tokenizer: TokenizerSpec) -> None:
    receipt = run(tmp_path, tokenizer, [{"text": "the"}, "{bad", {"text": 1}, {"text": ""}, "[]"])
    assert receipt["rows"] == 5
    assert receipt["rejected"] == {"invalid_json": 1, "text_not_a_string": 1, "empty_text": 1, "not_an_object": 1}
    listed = [json.loads(line) for line in (tmp_path / "out/rejects/000002.jsonl").read_text().splitlines()]
    assert [one["line"] for one in listed] == [2, 3, 4, 5]
    assert ids_of(tmp_path, "train") == encoded(tokenizer, ["the"])


def test_an_input_without_a_document_has_empty_files(tmp_path: Path, tokenizer: TokenizerSpec) -> None:
    receipt = run(tmp_path, tokenizer, ["3"])
    assert (receipt["tokens"], ids_of(tmp_path, "train")) == (0, [])
    assert pq.read_table(tmp_path / "out" / part_file("train", 2)).num_rows == 0
