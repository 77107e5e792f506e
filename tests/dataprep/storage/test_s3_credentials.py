"""Nothing is written to S3 unsigned, unless that is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.errors import InputError
from dataprep.storage import files
from dataprep.storage.s3_credentials import refuse_unsigned

ENDPOINT = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9000"}


@pytest.mark.parametrize(
    "given",
    [
        {**ENDPOINT, "AWS_ACCESS_KEY_ID": "a"},
        {**ENDPOINT, "AWS_PROFILE": "a"},
        {**ENDPOINT, "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token"},
        {**ENDPOINT, "SWITCHPOINT_S3_UNSIGNED": "1"},
        {},  # a machine of AWS may have a role
    ],
)
def test_whoever_has_credentials_or_may_have_them_writes(given: dict[str, str], tmp_path: Path) -> None:
    refuse_unsigned("s3://bucket/a", {**given, "HOME": str(tmp_path)})


@pytest.mark.parametrize("given", [ENDPOINT, {"AWS_EC2_METADATA_DISABLED": "true"}, {**ENDPOINT, "AWS_PROFILE": ""}])
def test_a_write_that_would_be_unsigned_is_refused(given: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^s3://bucket/a: no S3 credentials on this machine: .* set AWS_ACCESS_KEY_ID"
    ):
        refuse_unsigned("s3://bucket/a", {**given, "HOME": str(tmp_path)})
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws/credentials").write_text("[default]\n")
    refuse_unsigned("s3://bucket/a", {**given, "HOME": str(tmp_path)})


def test_a_job_that_lost_its_credentials_writes_nothing(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store itself would take it: it asks nobody for a name."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    files._filesystem.cache_clear()
    with pytest.raises(InputError, match="the write would be unsigned"):
        files.publish_bytes(b"a", f"{bucket}/a")
    assert not files.exists(f"{bucket}/a")
    monkeypatch.setenv("SWITCHPOINT_S3_UNSIGNED", "1")
    files.publish_bytes(b"a", f"{bucket}/a")
    assert files.exists(f"{bucket}/a")
