"""Writes a sweep's files: for every node a schedule and a run config, and two ways to launch them in the right order.

Both ways skip what is finished (a node leaves a file `done`), so either is started again after an interruption. Slurm
gets one array for all children of a node, which waits for that node alone: a branch starts as soon as its trunk is
done.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from common import yaml_file
from curriculum.language.sweep_file import Throughput
from curriculum.sweep.tree import Node
from schemas.sweep_file import SweepFile

_SHELL = """\
#!/usr/bin/env bash
# Trains every node of the sweep on this machine, trunks before branches. Start it again to go on.
#   GPUS=8 bash {out}/launch.sh
set -euo pipefail
{root}
node() {{  # node NAME GPUS
  local folder={out}/nodes/$1
  if [[ -e $folder/done ]]; then echo "$1 is finished"; return; fi
  composer -n "${{GPUS:-$2}}" train/main.py "$folder/run.yaml"
  touch "$folder/done"
}}
"""

_JOB = """\
#!/usr/bin/env bash
#SBATCH --job-name=sweep
#SBATCH --ntasks-per-node=1
#SBATCH --output={out}/logs/%A_%a.txt
# One task of an array: the children of one node, listed in the file that is the first argument; the second is the
# number of GPUs on each machine. One launcher runs on each machine.
set -euo pipefail
{root}
node=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$1")
folder={out}/nodes/$node
if [[ -e $folder/done ]]; then echo "$node is finished"; exit 0; fi
export MASTER_ADDR MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000)) GPUS=$2 RUN=$folder/run.yaml
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
srun bash -c 'composer -n "$GPUS" --world_size $((SLURM_JOB_NUM_NODES * GPUS)) --node_rank "$SLURM_NODEID" \\
  --master_addr "$MASTER_ADDR" --master_port "$MASTER_PORT" train/main.py "$RUN"'
touch "$folder/done"
"""

_SUBMIT = """\
#!/usr/bin/env bash
# Submits the sweep to Slurm: for every node one array of its children, which waits for that node alone. Submit again
# to go on after a failure: finished nodes are skipped.
# Arguments go to sbatch: bash {out}/slurm/submit.sh --partition=gpu --time=24:00:00
set -euo pipefail
{root}
declare -A job=()
options=("$@")
array() {{  # array LIST MACHINES GPUS-OF-EACH PARENT: submit the nodes of the file LIST
  local list={out}/slurm/$1.txt wait=() id index=0 node open=0
  while read -r node; do [[ -e {out}/nodes/$node/done ]] || open=1; done < "$list"
  if [[ $open == 0 ]]; then return; fi
  if [[ -n ${{4:-}} && -n ${{job[$4]:-}} ]]; then wait=(--dependency="afterok:${{job[$4]}}"); fi
  id=$(sbatch --parsable --array="0-$(($(wc -l < "$list") - 1))" --nodes="$2" --gpus-per-node="$3" \\
    "${{wait[@]}}" "${{options[@]}}" {out}/slurm/job.sh "$list" "$3")
  while read -r node; do job[$node]=${{id}}_$index; index=$((index + 1)); done < "$list"
}}
"""

_ROOT = 'if [[ ! -e train/main.py ]]; then echo "error: run this from the repository root" >&2; exit 2; fi'


def write(nodes: Sequence[Node], told: SweepFile, tree: str, out: Path) -> None:
    """Write the sweep below `out`; files of finished nodes are left as they are."""
    out.mkdir(parents=True, exist_ok=True)
    told.save(out)
    (out / "tree.txt").write_text(tree + "\n", encoding="utf-8")
    for node in nodes:
        _write_node(node, out)
    if all(node.run.train is not None for node in nodes):
        _write_shell(nodes, out)
        _write_slurm(nodes, out)


def _machines(node: Node) -> tuple[int, int]:
    """Machines of the node's run, and GPUs on each."""
    throughput = node.run.throughput or Throughput(tokens_per_second=1)
    return throughput.nodes, throughput.gpus_each


def _write_node(node: Node, out: Path) -> None:
    folder = out / "nodes" / node.id
    if (folder / "done").exists():
        return
    node.schedule.save(folder / "schedule.json")
    if node.run.train is None:
        return
    config = node.run.train | {"schedule": str(folder / "schedule.json"), "out": str(folder / "out")}
    if node.parent is not None:
        config["branch_from"] = str(out / "nodes" / node.parent / "out")
    (folder / "run.yaml").write_text(yaml_file.dump(config), encoding="utf-8")


def _write_shell(nodes: Sequence[Node], out: Path) -> None:
    lines = [f"node {node.id} {_machines(node)[1]}" for node in nodes]
    text = _SHELL.format(out=shlex.quote(str(out)), root=_ROOT) + "\n".join(lines) + "\n"
    (out / "launch.sh").write_text(text, encoding="utf-8")


def _write_slurm(nodes: Sequence[Node], out: Path) -> None:
    folder = out / "slurm"
    folder.mkdir(exist_ok=True)
    (out / "logs").mkdir(exist_ok=True)
    quoted = shlex.quote(str(out))
    arrays: dict[tuple[str | None, tuple[int, int]], list[str]] = {}
    for node in nodes:
        arrays.setdefault((node.parent, _machines(node)), []).append(node.id)
    lines = []
    for (parent, (machines, gpus)), ids in arrays.items():
        name = f"{'after-' + parent if parent else 'roots'}-{machines}x{gpus}"
        (folder / f"{name}.txt").write_text("".join(f"{one}\n" for one in ids), encoding="utf-8")
        lines.append(f"array {name} {machines} {gpus} {parent or ''}".rstrip())
    (folder / "job.sh").write_text(_JOB.format(out=quoted, root=_ROOT), encoding="utf-8")
    (folder / "submit.sh").write_text(
        _SUBMIT.format(out=quoted, root=_ROOT) + "\n".join(lines) + "\n", encoding="utf-8"
    )
