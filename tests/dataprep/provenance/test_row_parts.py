from __future__ import annotations

import pytest

from dataprep.provenance.row_parts import shard_number
from schemas.row_provenance import SHARDS_PER_TASK, task_of


@pytest.mark.parametrize(("task", "index"), [(0, 0), (2, 1), (150, 999)])
def test_a_shards_number_leads_back_to_its_task(task: int, index: int) -> None:
    assert task_of(f"shard.{shard_number(task, index):05}.mds") == task
    assert task_of(f"shard.{shard_number(task, index):05}.mds.zstd") == task


def test_a_task_never_takes_another_tasks_numbers() -> None:
    with pytest.raises(ValueError, match="shard_bytes: task 1 has more than 1,000 shards; raise it"):
        shard_number(1, SHARDS_PER_TASK)
