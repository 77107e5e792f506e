"""`dataprep/jobs/pairs.py` as it is started; what it does then is tested with its package."""

from pathlib import Path

from tests.helpers import entry


def test_the_command(tmp_path: Path) -> None:
    entry.teaches("pairs", "inputs", "tokenizer")
    entry.refuses("pairs", tmp_path)
