"""`sweep`: many runs as a tree whose trunks are trained once."""

from __future__ import annotations

import argparse
from pathlib import Path

from curriculum.sweep import launch
from curriculum.sweep.expand import expand, read_sweep
from curriculum.sweep.summary import as_json, drawn, sentence
from curriculum.sweep.tree import tree

HELP = "expand a sweep, share trunks, and write a tree of runs with launch files"
EXAMPLE = """\
Compiles every combination, finds where runs share their past, and writes below OUT:
  sweep.json, tree.txt           runs, nodes, tokens and GPU-hours with and without sharing
  nodes/ID/schedule.json         the schedule of one stretch of training
  nodes/ID/run.yaml              its run config, with `branch_from` its parent
  launch.sh                      all nodes on this machine, in order
  slurm/submit.sh                one Slurm array for the children of each node, with dependencies
Everything can be started again: finished nodes are skipped.

example:
  python -m curriculum sweep recipes/paper/switch-point.yaml                 # what would it cost?
  python -m curriculum sweep recipes/paper/switch-point.yaml -o runs/switch-point
  bash runs/switch-point/slurm/submit.sh --partition=gpu
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("sweep", type=Path, metavar="SWEEP.yaml")
    parser.add_argument("-o", "--out", type=Path, help="write the tree below this directory; without it, only print")
    parser.add_argument("--no-tree", action="store_true", help="print the totals alone")


def run(args: argparse.Namespace) -> int:
    """Expand, join, print, write."""
    spec, document = read_sweep(args.sweep)
    runs = expand(spec, document)
    nodes = tree(runs)
    picture = drawn(nodes)
    if not args.no_tree:
        print(picture)
    print(sentence(runs, nodes, spec.throughput))
    if args.out is not None:
        gpus = spec.throughput.gpus if spec.throughput else 8
        launch.write(nodes, as_json(runs, nodes, spec.throughput), picture, args.out, gpus)
        print(f"wrote {args.out}")
    return 0
