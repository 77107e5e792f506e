"""A picture's uid is found in the sidecar beside the dataset, and a sidecar that cannot be read is no error."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.helpers import synthetic
from train.loader.picture_uid import uid_of


@pytest.mark.parametrize("name", ["uid", "id"])
def test_the_uid_of_each_picture(tmp_path: Path, name: str) -> None:
    dataset = synthetic.write(tmp_path, "pairs", 23)
    assert uid_of(str(dataset), 1, 0) is None, "no sidecar"
    part = dataset / "provenance/00000.parquet"
    part.parent.mkdir()
    table = {"sample": [0, 1, 1, 2], "images": [1, 1, 2, 1], name: ["a", "b", "c", None]}
    pq.write_table(pa.table(table), part)
    assert [uid_of(str(dataset), 1, picture) for picture in range(3)] == ["b", "c", "c"]
    assert uid_of(str(dataset), 1, 3) is None
    assert uid_of(str(dataset), 2, 0) is None
    assert uid_of(str(dataset), 99, 0) is None
    part.write_bytes(part.read_bytes()[:-20])
    assert uid_of(str(dataset), 1, 0) is None
    assert uid_of("s3://bucket/pairs", 1, 0) is None
