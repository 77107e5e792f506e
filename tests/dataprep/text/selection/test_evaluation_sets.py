from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.errors import InputError
from dataprep.text.config import Decontamination
from dataprep.text.selection import evaluation_sets

QUESTION = "What is the name of the small dog that barked at the moon"
ANSWER = "Nobody ever asked, so it remained without one until the very end"


def settings(folder: Path, ngram: int = 6, **sets: Any) -> Decontamination:
    made = [
        {"name": name, "files": f"{folder}/{pattern}", "fields": fields} for name, (pattern, fields) in sets.items()
    ]
    return Decontamination.model_validate({"ngram": ngram, "sets": made})


def write(folder: Path) -> None:
    rows = [{"q": {"text": QUESTION}, "a": [ANSWER, "No"]}, {"q": {"text": "Too short"}, "a": []}]
    (folder / "a.jsonl.gz").write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    pq.write_table(pa.table({"question": ["one two three four five six seven", QUESTION]}), folder / "b.parquet")


def test_texts_that_share_a_run_of_words_with_an_item_are_found(tmp_path: Path) -> None:
    write(tmp_path)
    chosen = settings(tmp_path, first=("*.gz", ["q.text", "a"]), second=("b.parquet", "question"))
    search = evaluation_sets.publish(chosen, str(tmp_path / "out"))
    texts = [
        "Nothing of the kind.",
        f"They wrote: {QUESTION.upper()}? And went on.",
        "of the small, dog (that) BARKED at",
        "of the small dog that meowed at the moon",
        "so it remained without one until",
        "",
        "Zero one two three four five six",
        "one two three four five",
    ]
    items = evaluation_sets.items(search.items)
    found = [None if one is None else items[one] for one in evaluation_sets.matches(texts, search)]
    first = {"set": "first", "file": f"{tmp_path}/a.jsonl.gz", "line": 1}
    second = {"set": "second", "file": f"{tmp_path}/b.parquet", "line": 1}
    assert found == [None, first, first, None, first, None, second, None]
    assert evaluation_sets.matches([], search) == []


def test_items_that_are_too_short_are_told(tmp_path: Path) -> None:
    write(tmp_path)
    chosen = settings(tmp_path, first=("*.gz", ["q.text", "a"]), second=("b.parquet", "question"))
    assert evaluation_sets.short(chosen) == [
        "evaluation set first: 1 of 2 items have no text of 6 words and were not searched for"
    ]
    with pytest.raises(InputError, match=r"ngram: evaluation set 'first': none of its 4 texts has 90 words"):
        evaluation_sets.publish(settings(tmp_path, 90, first=("*.gz", ["q.text", "a"])), str(tmp_path / "out"))


def test_what_cannot_be_searched_for_is_an_error_with_its_line(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "c.jsonl").write_text('{"q": "x"}\n{bad\n')
    for fields, message in {"nope": r"c\.jsonl:1: .*none of nope holds text", "q": r"c\.jsonl:2: not JSON"}.items():
        with pytest.raises(InputError, match=message):
            evaluation_sets.publish(settings(tmp_path, c=("c.jsonl", fields)), str(tmp_path / "out"))
    (tmp_path / "d.jsonl.gz").write_bytes((tmp_path / "a.jsonl.gz").read_bytes()[:-9])
    with pytest.raises(InputError, match=r"d\.jsonl\.gz: cannot be read"):
        evaluation_sets.publish(settings(tmp_path, d=("d.jsonl.gz", "q.text")), str(tmp_path / "out"))


def test_a_changed_set_is_seen(tmp_path: Path) -> None:
    write(tmp_path)
    chosen = settings(tmp_path, second=("b.parquet", "question"))
    before = evaluation_sets.describe(chosen)
    assert [one["path"] for one in before] == [f"{tmp_path}/b.parquet"]
    pq.write_table(pa.table({"question": [QUESTION]}), tmp_path / "b.parquet")
    assert evaluation_sets.describe(chosen) != before
    assert evaluation_sets.describe(None) == []
