"""Fixtures: servers of S3 and HDFS on loopback, and places on them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.hadoop import Hadoop, running


@pytest.fixture
def s3_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Client of an S3 server of the test's own, on loopback; every library finds the server in the environment."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "S3_ENDPOINT_URL": f"http://{host}:{port}",  # Streaming's name for it
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield boto3.client("s3", endpoint_url=settings["AWS_ENDPOINT_URL"])
    server.stop()


@pytest.fixture
def s3_bucket(s3_client: Any) -> str:
    """Name of a new bucket: the server's memory outlives the server."""
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def bucket(s3_bucket: str) -> Iterator[str]:
    """URI of an empty bucket on an S3 server of the test's own."""
    from dataprep.storage import files

    files._filesystem.cache_clear()
    yield f"s3://{s3_bucket}"
    files._filesystem.cache_clear()


@pytest.fixture
def hdfs(hadoop: Hadoop) -> str:
    """URI of a folder on HDFS that is not there yet."""
    return f"{hadoop.uri}/{uuid.uuid4().hex}"


@pytest.fixture(scope="module")
def hadoop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hadoop]:
    """HDFS servers of the module's own; skips where there are no jars."""
    from dataprep.storage import files

    with running(tmp_path_factory.mktemp("hadoop")) as servers:
        files._filesystem.cache_clear()
        yield servers
        files._filesystem.cache_clear()
