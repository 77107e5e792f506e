from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dataprep.engine.rejects import MAX_DETAIL, Rejects, part_file
from dataprep.engine.task_workspace import Scratch


@given(st.lists(st.tuples(st.text(st.characters(codec=None)), st.sampled_from(["a", "b"]), st.text(max_size=400))))
def test_every_reject_is_one_readable_line_and_counted(rows: list[tuple[str, str, str]]) -> None:
    rejects = Rejects()
    for row, reason, detail in rows:
        rejects.add(row, reason, detail)
    lines = [json.loads(line) for line in rejects.jsonl().decode().split("\n")[:-1]]
    assert [line["reason"] for line in lines] == [reason for _, reason, _ in rows]
    assert all(len(line["detail"].encode()) <= 4 * MAX_DETAIL for line in lines)
    account = rejects.account(3)
    assert account["rows"] == 3 + len(rows)
    assert sum(account["rejected"].values()) == len(rows)


def test_rows_of_one_file_go_by_their_line_and_a_long_list_leaves_memory(tmp_path: Path) -> None:
    scratch = Scratch(str(tmp_path / "out"), tmp_path)
    empty, rejects = Rejects("a.jsonl"), Rejects("a.jsonl")
    empty.publish(scratch, part_file(1, digits=6))
    for line in range(1, 100_001):
        rejects.add(line, "invalid_json", "x" * 60)
    assert rejects._lines._rolled  # type: ignore[attr-defined]
    rejects.publish(scratch, part_file(2, digits=6))
    assert [path.name for path in (tmp_path / "out/rejects").iterdir()] == ["000002.jsonl"]
    lines = (tmp_path / "out/rejects/000002.jsonl").read_text().splitlines()
    assert len(lines) == 100_000
    assert lines[6] == f'{{"detail":"{"x" * 60}","file":"a.jsonl","line":7,"reason":"invalid_json"}}'
