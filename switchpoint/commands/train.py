"""`train`: starts a run by Composer's launcher."""

from __future__ import annotations

import argparse
import sys
from importlib.util import find_spec

from common import heartbeat
from common.errors import InputError
from common.settings_help import settings_help
from train.config.run_config import RunConfig

HELP = "train the run that RUN.yaml describes, or go on with it"
HANDS_ON = True
EXAMPLE = f"""\
One process a GPU; more options for Composer's launcher follow `--`.

examples:
  switchpoint train run.yaml -n 8
  switchpoint train run.yaml -n 8 -- --world_size 16 --node_rank 1 --master_addr host0 --master_port 7501

{settings_help(RunConfig, "RUN.yaml")}
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("run_file", metavar="RUN.yaml", help="run config: schedule, out, model, microbatch, ...")
    parser.add_argument("-n", "--processes", type=int, metavar="N", help="processes on this node (default: its GPUs)")


def run(options: argparse.Namespace) -> int:
    """Run the launcher in this process (its exit status is the run's)."""
    package = find_spec("train")
    if find_spec("composer") is None or package is None or not package.submodule_search_locations:
        raise InputError("composer is not installed", remedy="pip install 'switchpoint[train]'")
    with heartbeat.beating("importing Composer's launcher"):
        from composer.cli.launcher import main
    count = [] if options.processes is None else ["-n", str(options.processes)]
    script = f"{package.submodule_search_locations[0]}/main.py"
    sys.argv = ["composer", *count, *options.rest, script, options.run_file]
    return int(main())
