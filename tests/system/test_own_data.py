"""Runs the blocks of `docs/own-data.md`, one after another in an empty folder: the model has learnt its colours."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.commands import ROOT, command_environment


@pytest.mark.soak
def test_the_page_works_as_written(tmp_path: Path) -> None:
    page = (ROOT / "docs/own-data.md").read_text(encoding="utf-8")
    said = ""
    for kind, text in re.findall(r"```(python|yaml|bash)\n(.*?)```", page, re.DOTALL):
        if kind != "bash":
            name = text.splitlines()[0].removeprefix("# ")
            (tmp_path / name).write_text(text, encoding="utf-8")
            continue
        for command in text.strip().splitlines():
            argv = [sys.executable, *command.split()[1:]] if command.startswith("python ") else None
            done = subprocess.run(
                argv or ["bash", "-c", command.replace("switchpoint", f"{sys.executable} -m switchpoint", 1)],
                cwd=tmp_path,
                env=command_environment(PYTHONPATH=str(ROOT)),
                capture_output=True,
                text=True,
                timeout=600,
            )
            said = done.stdout
            assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
            if " ask " in command:
                assert said.strip() in ("Red", "Green", "Blue", "Yellow")
    losses = [json.loads(line)["loss"]["pairs"] for line in (tmp_path / "run/held_out.jsonl").read_text().splitlines()]
    assert 0 < losses[-1] < 3, "of pairs that no step has seen"
    scores = json.loads((tmp_path / "scores/results.json").read_text())
    assert scores["tasks"]["questions"]["score"] > 0.6, "chance is a quarter"
