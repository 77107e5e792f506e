"""`train`: starts a run by Composer's launcher."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

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
    """Become the launcher (its exit status is the run's)."""
    launcher = Path(sys.executable).with_name("composer")
    found = str(launcher) if launcher.exists() else shutil.which("composer")
    package = find_spec("train")
    if found is None or package is None or not package.submodule_search_locations:
        raise InputError("composer is not installed", remedy="pip install 'switchpoint[train]'")
    count = [] if options.processes is None else ["-n", str(options.processes)]
    script = f"{package.submodule_search_locations[0]}/main.py"
    sys.stdout.flush()
    os.execv(found, [found, *count, *options.rest, script, options.run_file])
