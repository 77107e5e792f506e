"""`import`: makes a Hugging Face Llama or Qwen3 the start of a run."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "make a Hugging Face Llama or Qwen3 the start (position 0) of a run that has not begun"
EXAMPLE = """\
The run's data must have been made with the model's tokenizer, and RUN.yaml must describe its shape (an error prints the
lines to write). Afterwards `composer train/main.py RUN.yaml` goes on from the imported weights; other runs may name
the run in `branch_from`.

example:
  python -m train import models/Qwen3-0.6B run.yaml
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", type=Path, metavar="HF_DIR", help="directory with config.json and safetensors")
    parser.add_argument("run_file", type=Path, metavar="RUN.yaml")


def run(args: argparse.Namespace) -> int:
    """Import and say where to."""
    from train.export.import_folder import import_trunk

    print(f"wrote {import_trunk(args.model, args.run_file)}")
    return 0
