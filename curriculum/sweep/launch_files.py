"""Writes a sweep's files: for every node a schedule and a run config, and two ways to launch them in the right order.

Both ways skip what is finished (a node leaves a file `done`), so either is started again after an interruption, from
any directory. Slurm gets one array for all children of a node, which waits for that node alone: a branch starts as soon
as its trunk is done.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from common import seal, yaml_file
from curriculum.language.sweep_file import Throughput
from curriculum.sweep.tree import Node
from schemas.sweep_file import SweepFile

_HEAD = """\
root={root}
if ! cd "${{ROOT:-$root}}"; then
  echo "error: the sweep was written in $root; give ROOT=DIR, where that lies now" >&2; exit 2
fi
if ! command -v switchpoint >/dev/null; then
  echo "error: switchpoint is not on the PATH; activate the environment that it is installed in" >&2; exit 2
fi
"""
"""Paths of the sweep and of its data may be relative: to where the sweep was written."""

_SHELL = """\
#!/usr/bin/env bash
# Trains every node of the sweep on this machine, trunks before branches. Start it again to go on.
#   GPUS=8 bash {out}/launch.sh
set -euo pipefail
{head}
node() {{  # node NAME GPUS
  local folder={out}/nodes/$1
  if [[ -e $folder/done ]]; then echo "$1 is finished"; return; fi
  switchpoint train "$folder/run.yaml" -n "${{GPUS:-$2}}"
  touch "$folder/done"
}}
"""

_JOB = """\
#!/usr/bin/env bash
#SBATCH --job-name=sweep
#SBATCH --ntasks-per-node=1
#SBATCH --output={out}/logs/%A_%a.txt
#SBATCH --requeue --open-mode=append --signal=USR1@300
# One task of an array: the children of one node, listed in the file that is the first argument; the second is the
# number of GPUs on each machine. One launcher runs on each machine. Five minutes before its time is up the run is asked
# to save and leave (status 143), and the task goes back into the queue.
set -uo pipefail
{head}
node=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$1")
folder={out}/nodes/$node
if [[ -z $node || ! -e $folder/run.yaml ]]; then
  echo "error: $1 names no node of the sweep at $SLURM_ARRAY_TASK_ID; write the sweep again" >&2; exit 2
fi
if [[ -e $folder/done ]]; then echo "$node is finished"; exit 0; fi
export MASTER_ADDR MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000)) GPUS=$2 RUN=$folder/run.yaml
MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | sed -n 1p)
srun --kill-on-bad-exit=0 bash -c 'trap "" USR1; exec switchpoint train "$RUN" -n "$GPUS" -- \
  --world_size $((SLURM_JOB_NUM_NODES * GPUS)) --node_rank "$SLURM_NODEID" \
  --master_addr "$MASTER_ADDR" --master_port "$MASTER_PORT"'
status=$?
if [[ $status == 143 ]]; then scontrol requeue "$SLURM_JOB_ID"; sleep 60; fi  # Slurm ends this script in that minute
if [[ $status == 0 ]]; then touch "$folder/done"; fi
exit "$status"
"""

_SUBMIT = """\
#!/usr/bin/env bash
# Submits the sweep to Slurm: for every node one array of its children, which waits for that node alone. Submit again
# to go on after a failure: what is finished, waits or runs is left alone. A node whose parent fails leaves the queue.
# Arguments go to sbatch: bash {out}/slurm/submit.sh --partition=gpu --time=24:00:00
set -euo pipefail
{head}
declare -A job=()  # of every node that is in the queue: its task, as squeue names it
options=("$@")
submitted={out}/slurm/submitted.txt
touch "$submitted"
exec 9<"$submitted"
flock 9  # one submission at a time
queue=$(squeue --noheader --array --me --format=%i)
while read -r node id; do
  if grep -qxF "$id" <<<"$queue"; then job[$node]=$id; fi
done < "$submitted"
array() {{  # array LIST MACHINES GPUS-OF-EACH PARENT: submit the nodes of the file LIST
  local list={out}/slurm/$1.txt wait=() id index=0 node tasks=() fresh=()
  if [[ ! -s $list ]]; then echo "error: $list is missing or empty; write the sweep again" >&2; exit 2; fi
  while read -r node; do
    if [[ ! -e {out}/nodes/$node/done && -z ${{job[$node]:-}} ]]; then tasks+=("$index"); fresh+=("$node"); fi
    index=$((index + 1))
  done < "$list"
  if [[ ${{#tasks[@]}} == 0 ]]; then return; fi
  if [[ -n ${{4:-}} && -n ${{job[$4]:-}} ]]; then
    wait=(--dependency="afterok:${{job[$4]}}" --kill-on-invalid-dep=yes)
  fi
  id=$(sbatch --parsable --array="$(IFS=,; echo "${{tasks[*]}}")" --nodes="$2" --gpus-per-node="$3" \
    "${{wait[@]}}" "${{options[@]}}" {out}/slurm/job.sh "$list" "$3")
  for index in "${{!tasks[@]}}"; do
    job[${{fresh[$index]}}]=${{id%%;*}}_${{tasks[$index]}}
    echo "${{fresh[$index]}} ${{id%%;*}}_${{tasks[$index]}}" >> "$submitted"
  done
  echo "$1: ${{#tasks[@]}} of $(wc -l < "$list") nodes submitted as job $id"
}}
"""


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
    (folder / "run.yaml").write_text(seal.sealed_text(yaml_file.dump(config)), encoding="utf-8")


def _write_shell(nodes: Sequence[Node], out: Path) -> None:
    lines = [f"node {node.id} {_machines(node)[1]}" for node in nodes]
    text = _SHELL.format(out=shlex.quote(str(out)), head=_head()) + "\n".join(lines) + "\n"
    (out / "launch.sh").write_text(text, encoding="utf-8")


def _head() -> str:
    return _HEAD.format(root=shlex.quote(str(Path.cwd())))


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
    (folder / "job.sh").write_text(_JOB.format(out=quoted, head=_head()), encoding="utf-8")
    (folder / "submit.sh").write_text(
        _SUBMIT.format(out=quoted, head=_head()) + "\n".join(lines) + "\n", encoding="utf-8"
    )
