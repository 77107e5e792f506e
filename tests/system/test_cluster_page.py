"""Runs the `bash` blocks of `docs/cluster.md` on processes of this machine, and takes its sums apart."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.helpers.commands import ROOT, command_environment
from tests.helpers.spark_cluster import await_workers, free_port

PAGE = (ROOT / "docs/cluster.md").read_text(encoding="utf-8")


def test_the_page_names_files_that_are_there_and_marks_what_was_not_run() -> None:
    """Two kinds of blocks: those that the test below runs, and those that nobody ran."""
    for file in re.findall(r"`((?:docs|benchmarks)/[\w.-]+)`", PAGE):
        assert (ROOT / file).is_file(), file
    blocks = re.findall(r"```(\w+)\n", PAGE)
    assert set(blocks) == {"bash", "text"}
    assert "were **not run**" in PAGE


def test_the_sums_are_those_of_the_measured_units() -> None:
    unit = {
        name: float(text.replace(",", ""))
        for text, name in re.findall(r"\(([\d.,]+) (M tokens/s/core|ms an image)", PAGE)
    }
    rows = {
        cells[1]: cells
        for line in PAGE.splitlines()
        if line.startswith("|") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 7
    }
    hours = {name: float(cells[2].removeprefix("+ ")) for name, cells in rows.items() if re.match(r"\+? ?\d", cells[2])}
    wanted = {
        "text (11.5 M tokens/s/core)": 4e12 / (unit["M tokens/s/core"] * 1e6),
        "with `deduplicate`": 3e9 / 27_000,
        "with all three rules (2,850 documents/s/core)": 3e9 / 2_850,
        "download (0.62 ms an image)": 12.8e6 * unit["ms an image"] / 1e3,
        "download": 1.28e9 * unit["ms an image"] / 1e3,
        "pairs, every picture decoded (2,147 images/s/core)": 1e7 / 2_147,
    }
    for name, seconds in wanted.items():
        assert hours[name] == pytest.approx(seconds / 3600, rel=0.03), name


@pytest.mark.soak
def test_the_standalone_commands_work_as_written(tmp_path: Path, tokenizer_dir: Path) -> None:
    (tmp_path / "docs").mkdir()
    for part in range(3):
        documents = [{"text": f"The box {part} {number} is red."} for number in range(200)]
        (tmp_path / f"docs/{part}.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in documents))
    settings = {"inputs": "docs/*.jsonl", "out": "data/text", "tokenizer": str(tokenizer_dir), "seq_len": 64, "seed": 7}
    (tmp_path / "text.yaml").write_text(json.dumps(settings))
    port, page = free_port(), free_port()
    script = "set -e\n"
    for number, block in enumerate(re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)):
        text = (
            block.replace("head", "127.0.0.1")
            .replace("7077", str(port))
            .replace("--webui-port 8080", f"--webui-port {page}")
        )
        text = text.replace("--webui-port 8081", "--webui-port 0")
        if "worker.Worker" in text:  # two machines, each in a folder of its own
            script += "".join(f"mkdir -p w{one} && cd w{one}\n{text}cd ..\n" for one in (1, 2))
        else:
            script += text
        script += f"touch block{number}; while [ ! -e go{number} ]; do sleep 0.2; done\n"
    program = shutil.which("switchpoint", path=str(Path(sys.executable).parent))
    assert program, "the command is installed with the package"
    environment = command_environment(PYTHONPATH=str(ROOT), PYSPARK_PYTHON=sys.executable)
    environment.pop("SPARK_SUBMIT_OPTS", None)
    with (tmp_path / "said").open("w") as said:
        shell = subprocess.Popen(
            ["bash", "-c", script], cwd=tmp_path, env=environment, stdout=said, stderr=said, start_new_session=True
        )
    try:
        for number, workers in ((0, 0), (1, 2)):
            await_workers(page, workers)
            (tmp_path / f"go{number}").touch()
        (tmp_path / "go2").touch()
        assert shell.wait(timeout=900) == 0, (tmp_path / "said").read_text()[-4000:]
    finally:
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                if os.getsid(process.pid) == shell.pid:
                    process.send_signal(signal.SIGKILL)
    words = (tmp_path / "said").read_text()
    assert words.count("600 of 600 rows written") == 2
    assert "Traceback" not in words
    assert "without an executor" not in words or "fits on none" not in words
