"""The source may change under a dataset as long as the bytes that it makes do not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from pyspark.sql import SparkSession

from dataprep.engine import commit
from dataprep.engine.output_version import MAKERS, OUTPUT_VERSION, JobKind, package_versions
from dataprep.engine.paths import PLAN_NAME, STAGING
from dataprep.text import job
from dataprep.text.config import TextJob
from tests.helpers.commands import ROOT, command_environment

_LIMIT_S = 120
_RERUN = """
import json, sys
from dataprep.engine.spark_session import session
from dataprep.text import job
from dataprep.text.config import TextJob

spark = session("edited", {"spark.master": "local[1]"})
for settings in json.loads(sys.argv[1]):
    job.run(spark, TextJob.model_validate(settings))
print(job.__doc__.splitlines()[0])
"""
"""Runs jobs; prints the first line of the job's docstring, so that the test knows whose source ran."""


def test_every_job_has_a_version_and_makers() -> None:
    assert set(OUTPUT_VERSION) == set(MAKERS) == set(get_args(JobKind))
    assert all(version > 0 for version in OUTPUT_VERSION.values()), "0 is for plans that name none"
    for kind in OUTPUT_VERSION:
        versions = package_versions(kind)
        assert list(versions) == sorted(MAKERS[kind])
        assert all(versions.values())


def edited_source(folder: Path) -> Path:
    """A copy of the packages that the text job is made of, with another docstring and another colour."""
    for package in ("dataprep", "common", "schemas"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    changes = {
        "dataprep/text/job.py": ('"""Runs the text job', '"""Runs an edited text job'),
        "common/html/page.py": ("#448361", "#111111"),
    }
    for name, (old, new) in changes.items():
        source = (folder / name).read_text()
        assert old in source
        (folder / name).write_text(source.replace(old, new))
    return folder


def files_below(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of change of every file."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}


def test_an_edited_docstring_and_colour_leave_finished_and_begun_datasets_alone(
    spark: SparkSession, tmp_path: Path, tokenizer_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0.jsonl").write_text("".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(40)))
    settings: dict[str, Any] = {"inputs": [str(tmp_path / "0.jsonl")], "tokenizer": str(tokenizer_dir), "seq_len": 16}
    finished, begun = settings | {"out": str(tmp_path / "finished")}, settings | {"out": str(tmp_path / "begun")}
    job.run(spark, TextJob.model_validate(finished))
    with monkeypatch.context() as patch:
        patch.setattr(commit, "commit", lambda *_: sys.exit("killed"))
        with pytest.raises(SystemExit, match="killed"):
            job.run(spark, TextJob.model_validate(begun))
    before = {name: files_below(tmp_path / name) for name in ("finished", "begun")}
    assert f"{STAGING}/{PLAN_NAME}" in before["begun"]
    assert "manifest.json" not in before["begun"]

    source = edited_source(tmp_path / "source")
    environment = command_environment(PYTHONPATH=str(source))
    command = [sys.executable, "-c", _RERUN, json.dumps([finished, begun])]
    ran = subprocess.run(
        command, cwd=source, env=environment, capture_output=True, text=True, timeout=_LIMIT_S, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("Runs an edited text job")

    assert files_below(tmp_path / "finished") == before["finished"]
    after = files_below(tmp_path / "begun")
    assert b"#111111" in after.pop("report.html")[0], "the begun one was finished by the edited source"
    assert {name: data for name, (data, _) in after.items()} == {
        name: data for name, (data, _) in before["finished"].items() if name != "report.html"
    }
    shards = [name for name in after if name.endswith(".mds")]
    assert shards
    assert all(after[name] == before["begun"][name] for name in shards), "work that was done is not done again"
