"""Fixture: one Spark session. Nothing of Spark is imported before a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """Two cores, no user interface."""
    from dataprep.engine.spark_session import session

    running = session("tests", {"spark.master": "local[2]", "spark.sql.shuffle.partitions": "2"})
    yield running
    running.stop()
