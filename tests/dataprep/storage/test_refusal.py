"""A server that refuses is not asked again; one that fails is. The texts are those of pyarrow 21 and hdfs-native."""

from __future__ import annotations

import pytest

from common.errors import ResourceError, StorageError
from dataprep.storage.refusal import judged

DENIED = "When uploading key 'x' in bucket 'b': AWS Error ACCESS_DENIED during PutObject operation: Access Denied."


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (DENIED, "access is denied"),
        ("When reading: AWS Error UNKNOWN (HTTP status 403) during HeadObject operation", "access is denied"),
        ("AccessControlException: Permission denied: user=a, access=WRITE", "access is denied"),
        ("AWS Error NO_SUCH_BUCKET during CreateMultipartUpload operation", "there is no such bucket"),
        ("org.apache.hadoop.hdfs.protocol.DSQuotaExceededException: The DiskSpace quota", "the store has no room"),
    ],
)
def test_a_refusal_has_a_remedy(said: str, problem: str) -> None:
    error = judged(said, "s3://b/x")
    assert isinstance(error, ResourceError)
    assert str(error).startswith(f"s3://b/x: {problem} ({said}); ")
    assert str(error).endswith("run the same command again: it goes on where it stopped")


@pytest.mark.parametrize(
    "said", ["AWS Error NETWORK_CONNECTION", "AWS Error SLOW_DOWN (HTTP status 503)", "40 bytes came"]
)
def test_a_failure_is_tried_again(said: str) -> None:
    assert type(judged(said, "s3://b/x")) is StorageError
