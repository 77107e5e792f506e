"""`sweep`: expands many runs into a tree whose shared trunks are trained once."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import nodes as yaml_nodes

from common.errors import InputError
from curriculum.commands.arguments import add_settings, settings
from curriculum.compiler.datasets import Shelf
from curriculum.language.sweep_file import Sweep
from curriculum.language.template import Template
from curriculum.sweep import launch_files
from curriculum.sweep.expand import Run, expand
from curriculum.sweep.summary import drawn, sentence, sweep_file
from curriculum.sweep.tree import Node, tree
from schemas.sweep_file import Registered

HELP = "expand a sweep, share trunks, and write a tree of runs with launch files"
EXAMPLE = """\
Compiles every combination, finds where runs share their past, and writes below OUT:
  sweep.json, tree.txt           runs, nodes, tokens and GPU-hours with and without sharing
  nodes/ID/schedule.json         the schedule of one stretch of training
  nodes/ID/run.yaml              its run config, with `branch_from` its parent; sealed: to edit it, delete line 1
  launch.sh                      all nodes on this machine, in order
  slurm/submit.sh                one Slurm array for the children of each node, with dependencies
Everything can be started again: finished nodes are skipped.

example:
  python -m curriculum sweep recipes/paper/sweeps/grid.yaml                  # what would it cost?
  python -m curriculum sweep recipes/paper/sweeps/*.yaml -o runs/paper       # all of the paper, one tree
  python -m curriculum sweep recipes/paper/sweeps/grid.yaml -o runs/grid
  bash runs/grid/slurm/submit.sh --partition=gpu
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("sweeps", type=Path, nargs="+", metavar="SWEEP.yaml", help="several become one tree")
    add_settings(parser)
    parser.add_argument("-o", "--out", type=Path, help="write the tree below this directory; without it, only print")
    parser.add_argument("--alone", action="store_true", help="share nothing: every run from its start (to compare)")
    parser.add_argument("--runs", type=int, metavar="N", help="only N of the runs, spread over the sweep")
    parser.add_argument("--no-tree", action="store_true", help="print the totals alone")


def run(args: argparse.Namespace) -> int:
    """Expand, join, print, write."""
    shelf, given = Shelf(), settings(args.settings)
    runs = [run for path in args.sweeps for run in _expanded(path, given, shelf)]
    if twice := [name for name, times in Counter(run.name for run in runs).items() if times > 1]:
        raise InputError(
            f"two runs are named '{twice[0]}'", remedy="give each sweep once, under a file name of its own"
        )
    if args.runs is not None:
        runs = spread(runs, args.runs)
    nodes = apart(runs) if args.alone else tree(runs)
    picture = drawn(nodes)
    if not args.no_tree:
        print(picture)
    print(sentence(runs, nodes))
    if args.out is not None:
        launch_files.write(nodes, sweep_file(runs, nodes, _registered(args)), picture, args.out)
        print(f"wrote {args.out}")
    return 0


def _registered(args: argparse.Namespace) -> Registered | None:
    """Reads what a sweep file registers, if it is what will be run: one file, all of its runs, with its own values."""
    if len(args.sweeps) > 1 or args.settings or args.alone or args.runs is not None:
        return None
    return Template.read(args.sweeps[0]).fill().load(Sweep).registered


def _expanded(path: Path, given: dict[str, yaml_nodes.Node], shelf: Shelf) -> list[Run]:
    """A value of --set is the sweep file's where it has such a parameter, else its curriculum's or run config's."""
    template = Template.read(path)
    own = template.parameters().keys()
    beside = {name: node for name, node in given.items() if name not in own}
    return expand(template.fill({name: node for name, node in given.items() if name in own}), shelf, beside)


def spread(runs: Sequence[Run], count: int) -> list[Run]:
    """`count` of the runs at even distances, the first and the last among them; all if there are no more."""
    if count < 1:
        raise InputError("must be at least 1", field="--runs")
    if count >= len(runs):
        return list(runs)
    return [runs[place * (len(runs) - 1) // max(count - 1, 1)] for place in range(count)]


def apart(runs: Sequence[Run]) -> list[Node]:
    """Each run as a tree of its own; runs that are the same under two names are one."""
    same: dict[str, list[Run]] = {}
    for run in runs:
        same.setdefault(tree([run])[-1].id, []).append(run)
    return [node for group in same.values() for node in tree(group)]
