from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from dataprep.engine.rejects import MAX_DETAIL, Rejects


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
