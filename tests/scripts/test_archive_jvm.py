"""The stored classes are there and the JVM uses them, where set-up has made them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT

NAMED = re.search(r"-XX:SharedArchiveFile=(\S+)", os.environ.get("SPARK_SUBMIT_OPTS", ""))


@pytest.mark.skipif(NAMED is None or not Path(NAMED[1]).is_file(), reason="run by `make test`, after `make setup`")
def test_sparks_jvm_maps_the_archive() -> None:
    assert NAMED is not None
    script = (
        "from pathlib import Path\n"
        "from dataprep.engine.spark_session import session\n"
        "spark = session('test', {'spark.master': 'local[1]'})\n"
        "pid = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()\n"
        "print(Path(f'/proc/{pid}/maps').read_text())\n"
        "spark.stop()\n"
    )
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert NAMED[1] in run.stdout, run.stderr[-2000:]
