"""`dataprep/jobs/download.py` as it is started; what it does then is tested with its package."""

from pathlib import Path

from tests.helpers import entry


def test_the_command(tmp_path: Path) -> None:
    entry.teaches("download", "metadata", "out")
    entry.refuses("download", tmp_path)
