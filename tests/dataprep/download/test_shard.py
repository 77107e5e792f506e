"""A row's line, and which rows a round tries; whole shards are fetched in `test_job`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dataprep.download.client.reasons import TRANSIENT, Reason
from dataprep.download.config import DownloadJob
from dataprep.download.fetch_pool import Failure
from dataprep.download.shard import RESULT_SCHEMA, _before, _outcome, tar_file

JOB = DownloadJob.model_validate({"metadata": "m", "out": "o"})


def test_a_round_has_a_tar_of_its_own() -> None:
    assert [tar_file(7, number) for number in (1, 2, 10)] == ["00007.tar", "00007-r2.tar", "00007-r10.tar"]


def test_a_row_that_nothing_came_back_for_has_a_reason() -> None:
    for outcome, reason in ((None, Reason.DROPPED), (Failure(Reason.TIMEOUT, "slow"), Reason.TIMEOUT)):
        line = _outcome({"expected_sha256": None}, outcome, JOB)
        assert (line["status"], line["reason"]) == ("failed", str(reason))


def test_a_later_round_tries_what_may_pass_and_what_it_has_tried_itself(tmp_path: Path) -> None:
    """Whether a killed attempt of this very round has replaced the file already, or not."""
    results: list[dict[str, Any]] = []
    for number, reason in enumerate([None, *Reason]):
        line = dict.fromkeys(RESULT_SCHEMA.names)
        status = "failed" if reason else "success"
        results.append(line | {"uid": str(number), "status": status, "reason": reason and str(reason), "round": 1})
    results.append(results[0] | {"uid": "got in this round", "round": 2})
    pq.write_table(pa.Table.from_pylist(results, RESULT_SCHEMA), tmp_path / "00003.parquet")
    due = {row["uid"] for row in _before(3, 2, str(tmp_path)) if row["round"] == 2}
    passing = {row["uid"] for row in results if row["reason"] in TRANSIENT}
    assert passing
    assert len(passing) < len(Reason)
    assert due == passing | {"got in this round"}
