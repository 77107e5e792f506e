"""`dataprep/jobs/text.py` as it is started; what it does then is tested with its package."""

from pathlib import Path

from tests.helpers import entry


def test_the_command(tmp_path: Path) -> None:
    entry.teaches("text", "inputs", "tokenizer")
    entry.refuses("text", tmp_path)
