from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from common.errors import InputError
from dataprep.text.config import DCLM_FIELDS, TextJob
from dataprep.text.job import run


def write(folder: Path, rows_of_files: list[list[dict[str, Any]]]) -> None:
    folder.mkdir()
    for number, rows in enumerate(rows_of_files):
        (folder / f"{number}.jsonl").write_text("\n".join(map(json.dumps, rows)))


def make(tmp_path: Path, tokenizer_dir: Path, **changes: Any) -> TextJob:
    settings = {"inputs": [str(tmp_path / "in")], "out": str(tmp_path / "out"), "tokenizer": str(tokenizer_dir)}
    return TextJob.model_validate({**settings, "seq_len": 16, **changes})


def kept(out: Path) -> list[tuple[int, int]]:
    parts = sorted((out / "provenance").glob("train.*.parquet"))
    return [(number, line) for number, part in enumerate(parts) for line in pq.read_table(part)["line"].to_pylist()]


def left_out(folder: Path, number: int) -> list[tuple[Any, ...]]:
    """Line, reason, document that stays, evaluation item of the documents of an input that are left out."""

    def place(uri: str | None, line: int | None) -> str | None:
        return None if uri is None else f"{Path(uri).name}:{line}"

    rows = pq.read_table(folder / f"out/rejects/{number:06}.parquet").to_pylist()
    return [
        (
            row["line"],
            row["reason"],
            place(row["kept_file"], row["kept_line"]),
            place(row["evaluation_file"], row["evaluation_line"]),
        )
        for row in rows
    ]


def test_the_first_of_equal_texts_stays_whatever_file_it_is_in(
    spark: SparkSession, tmp_path: Path, tokenizer_dir: Path
) -> None:
    texts = [["a", "b", "a", "c"], ["b", "d", "d "], ["a", "e"]]
    write(tmp_path / "in", [[{"text": text} for text in file] for file in texts])
    manifest = run(spark, make(tmp_path, tokenizer_dir, deduplicate=True))
    assert kept(tmp_path / "out") == [(0, 1), (0, 2), (0, 4), (1, 2), (1, 3), (2, 2)]
    assert manifest.rows.rejected == {"duplicate": 3}
    assert left_out(tmp_path, 0) == [(3, "duplicate", "0.jsonl:1", None)]
    assert left_out(tmp_path, 1) == [(1, "duplicate", "0.jsonl:2", None)]
    assert left_out(tmp_path, 2) == [(1, "duplicate", "0.jsonl:1", None)]


def test_a_predicate_comes_before_deduplication(spark: SparkSession, tmp_path: Path, tokenizer_dir: Path) -> None:
    def row(text: str, english: float | None) -> dict[str, Any]:
        return {"text": text, "language_id_whole_page_fasttext": {"en": english}, "number": "a field of theirs"}

    write(tmp_path / "in", [[row("aaa", 0.2), row("aaa", 0.9), row("bbb", None)], [row("aaa", 0.9), row("c", 0.8)]])
    where = "language_id_whole_page_fasttext.en > 0.65 and characters > 2 and number = 'a field of theirs'"
    fields = f"{DCLM_FIELDS}, number string"
    manifest = run(spark, make(tmp_path, tokenizer_dir, deduplicate=True, where=where, fields=fields))
    assert kept(tmp_path / "out") == [(0, 2)]
    assert manifest.rows.rejected == {"duplicate": 1, "where": 3}
    assert left_out(tmp_path, 0) == [(1, "where", None, None), (3, "where", None, None)]
    assert left_out(tmp_path, 1) == [(1, "duplicate", "0.jsonl:2", None), (2, "where", None, None)]


def test_near_duplicates_and_leaked_questions_are_left_out_with_their_counterpart(
    spark: SparkSession, tmp_path: Path, tokenizer_dir: Path
) -> None:
    story = [f"word{n * n % 97}" for n in range(400)]
    changed = [*story[:200], "changed", *story[201:]]
    question = "which of the nine planets was the last one to be found by looking at the sky"
    texts = [
        ["something else entirely", " ".join(story)],
        [" ".join(changed), f"He asked: {question}?", "something else entirely"],
        [" ".join(changed), " ".join(story).upper(), f"{' '.join(story)} {question}"],
    ]
    write(tmp_path / "in", [[{"text": text} for text in file] for file in texts])
    (tmp_path / "evaluation.jsonl").write_text(json.dumps({"q": "unrelated"}) + "\n" + json.dumps({"q": question}))
    sets = [{"name": "planets", "files": str(tmp_path / "evaluation.jsonl"), "fields": "q"}]
    rules = {"near_duplicates": True, "decontaminate": {"sets": sets}}
    job = make(tmp_path, tokenizer_dir, deduplicate=True, **rules)
    manifest = run(spark, job)
    assert kept(tmp_path / "out") == [(0, 1), (0, 2)]
    assert manifest.rows.rejected == {"contaminated:planets": 2, "duplicate": 2, "near_duplicate": 2}
    assert left_out(tmp_path, 1) == [
        (1, "near_duplicate", "0.jsonl:2", None),
        (2, "contaminated:planets", None, "evaluation.jsonl:2"),
        (3, "duplicate", "0.jsonl:1", None),
    ]
    assert left_out(tmp_path, 2) == [
        (1, "duplicate", "0.jsonl:2", None),
        (2, "near_duplicate", "0.jsonl:2", None),
        (3, "contaminated:planets", None, "evaluation.jsonl:2"),
    ]
    assert manifest.warnings == [
        "evaluation set planets: 1 of 2 items have no text of 13 words and were not searched for"
    ]
    (tmp_path / "evaluation.jsonl").write_text(json.dumps({"q": question}))
    with pytest.raises(InputError, match=r"different plan: .*config\.evaluation_files"):
        run(spark, job)


def test_a_wrong_predicate_is_one_line(spark: SparkSession, tmp_path: Path, tokenizer_dir: Path) -> None:
    write(tmp_path / "in", [[{"text": "a"}]])
    for where in ("no_such_column > 1", "url >", "url"):
        with pytest.raises(InputError, match="where: not a Spark SQL predicate") as caught:
            run(spark, make(tmp_path, tokenizer_dir, where=where))
        assert "\n" not in str(caught.value)


def test_parquet_rows_are_documents(spark: SparkSession, tmp_path: Path, tokenizer_dir: Path) -> None:
    (tmp_path / "in").mkdir()
    table = pa.table({"text": ["a", None, "b"], "url": ["u", "v", None], "big": [b"x"] * 3, "en": [0.1, 0.9, 0.8]})
    pq.write_table(table, tmp_path / "in/a.parquet")
    bad = pa.array([b"ok", b"\xff"]).view(pa.string())
    pq.write_table(pa.table({"text": bad}), tmp_path / "in/b.parquet")
    manifest = run(spark, make(tmp_path, tokenizer_dir))
    assert manifest.rows.rejected == {"invalid_utf8": 1, "missing_text": 1}
    assert kept(tmp_path / "out") == [(0, 1), (0, 3), (1, 1)]
    assert pq.read_table(tmp_path / "out/provenance/train.000000.parquet")["url"].to_pylist() == ["u", None]
    where = make(tmp_path, tokenizer_dir, out=str(tmp_path / "w"), where="en > 0.5", fields="en double")
    assert run(spark, where).rows.rejected == {"invalid_utf8": 1, "missing_text": 1, "where": 2}
    assert kept(tmp_path / "w") == [(0, 3)]
