"""Write one small file of each kind as this checkout's commands write it: `python tests/system/formats/make.py FOLDER`.

Run once for a new schema, by the commands that users have; what it leaves is checked in as `tests/system/formats/DATE`
and read by every release after. Paths of this machine are replaced by ones below `/data`, and seals are made anew.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from common.seal import KEY, sealed, sealed_text  # noqa: E402 (the path is set above)
from tests.system.golden_datasets import inputs  # noqa: E402 (the path is set above)

CURRICULUM = """\
seed: 7
global_batch: 4
trunk: 3 steps
sources: {text: {path: text}, pairs: {path: pairs}}
learning_rate: {peak: 1e-3, warmup: 1 steps, shape: cosine, over: 6 steps}
parameters: {images: 50%}
phases:
  - {name: text, steps: 3, mix: {text: 1}}
  - {name: image-text, steps: 3, mix: {text: rest, pairs: "${images}"}}
"""
SWEEP = "curriculum: curriculum.yaml\ntrain: run.yaml\ngrids: [{name: images, axes: {images: [25%, 50%]}}]\n"
ENCODER = {"kind": "patch", "width": 8, "layers": 1, "heads": 1}
DECODER = {"width": 8, "layers": 1, "heads": 1, "kv_heads": 1, "head_width": 8, "mlp_width": 8}
KEPT = (
    *("text/index.json", "text/manifest.json", "text/shard.*.mds", "text/.switchpoint/plan.json"),
    "text/provenance/train.json",
    *("pairs/index.json", "pairs/manifest.json", "pairs/shard.*.mds", "pairs/.switchpoint/plan.json"),
    *("schedule.json", "run/metrics.jsonl", "run/checkpoints/000000000000012/*", "scores/*.json"),
    *("sweep/sweep.json", "sweep/nodes/*/schedule.json", "sweep/nodes/*/run.yaml"),
)
TEXT_FILES = (".json", ".jsonl", ".yaml")


def command(*argv: str, folder: Path) -> None:
    """Run a command of the project in `folder`."""
    subprocess.run(argv, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)


def make(work: Path) -> None:
    """Run everything in the folder `work`."""
    inputs.write(work / "world", "http://pictures.example")
    job: dict[str, Any] = {"tokenizer": str(work / "world/tokenizer"), "seq_len": 64}
    text = {**job, "inputs": [str(work / "world/text/0.jsonl")], "out": str(work / "text")}
    geometry = {"size": 16, "patch": 8}
    pairs = {**job, "inputs": [str(work / "world/pairs/0.tar")], "out": str(work / "pairs"), "geometry": geometry}
    run = {"model": {"decoder": DECODER, "encoder": ENCODER}, "microbatch": 2, "threads": 1, "checkpoint": {"every": 9}}
    tokenizer = str(work / "world/tokenizer/tokenizer.json")
    placed = {**run, "schedule": "schedule.json", "out": str(work / "run"), "tokenizer": tokenizer}
    files = {"text.yaml": text, "pairs.yaml": pairs, "run.yaml": run, "placed.yaml": placed}
    for name, content in files.items():
        (work / name).write_text(yaml.safe_dump(content))
    (work / "curriculum.yaml").write_text(CURRICULUM)
    (work / "sweep.yaml").write_text(SWEEP)
    for kind in ("text", "pairs"):
        command(sys.executable, str(ROOT / f"dataprep/jobs/{kind}.py"), f"{kind}.yaml", folder=work)
    command(sys.executable, "-m", "curriculum", "compile", "curriculum.yaml", "-o", "schedule.json", folder=work)
    command(sys.executable, "-m", "curriculum", "sweep", "sweep.yaml", "-o", "sweep", folder=work)
    composer = str(Path(sys.executable).with_name("composer"))
    command(composer, "-n", "1", str(ROOT / "train/main.py"), "placed.yaml", folder=work)
    loss = ("--loss", "text=text", "--limit", "8", "--threads", "1")
    command(sys.executable, "-m", "train", "evaluate", "run", *loss, "-o", "scores", folder=work)


def keep(work: Path, out: Path) -> None:
    """Copy what is kept from `work` to `out`, without the machine's paths."""
    found = sorted(path for pattern in KEPT for path in work.glob(pattern))
    assert {str(path.relative_to(work)).partition("/")[0] for path in found} == {one.partition("/")[0] for one in KEPT}
    for path in found:
        target = out / path.relative_to(work)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        if path.suffix in TEXT_FILES:
            text = path.read_text().replace(str(work), "/data")
            if path.name == "run.yaml":
                text = sealed_text(text.partition("\n")[2])
            if path.suffix == ".json" and path.name != "schedule.json" and f'"{KEY}": ' in text:
                text = sealed(text)
            target.write_text(text)
    print(json.dumps({str(path.relative_to(out)): path.stat().st_size for path in out.rglob("*") if path.is_file()}))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        keep(Path(folder), Path(sys.argv[1]))
