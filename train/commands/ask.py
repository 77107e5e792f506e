"""`ask`: puts one question to a checkpoint or an export, about a picture or without one."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from common.errors import InputError

HELP = "ask a checkpoint or an export one question, about a picture or without one"
EXAMPLE = """\
The answer goes to standard output; which step of which run it comes from, to standard error. The question is put as
`evaluate --by generation` puts it, and the answer is the likeliest id after id (greedy).

example:
  switchpoint ask runs/curriculum photo.jpg "What color is the circle?"
  switchpoint ask exported "What is the capital of France?"
  switchpoint ask runs/curriculum/checkpoints/000000000006400 photo.jpg "How many?" --choices one two three
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("model", type=Path, help="a checkpoint, a run's output directory (its latest), or an export")
    parser.add_argument("image", nargs="?", type=Path, help="a picture; leave it out to ask the text model alone")
    parser.add_argument("question")
    parser.add_argument("--choices", nargs="+", metavar="ANSWER", help="say which of these is likeliest instead")
    parser.add_argument("--max-tokens", type=int, default=256, metavar="N", help="end an answer there (default: 256)")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json; default: the one that the run names")


def run(args: argparse.Namespace) -> int:
    """Load, ask, print the answer."""
    if args.max_tokens < 1:
        raise InputError("must be at least 1", field="--max-tokens")
    if args.choices is not None and len(args.choices) < 2:
        raise InputError("one choice is no choice", field="--choices", remedy="give two answers or more")
    from train.evaluation.predict import Settings, predict, read_predictions
    from train.evaluation.scored_model import open_subject
    from train.evaluation.task import Item

    subject = open_subject(args.model, args.tokenizer)
    by = "likelihood" if args.choices else "generation"
    item = Item("asked", args.question, None, args.image, tuple(args.choices or ()))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "answer"
        predict(subject, {0: item}, Settings(blind=args.image is None, by=by), "", args.max_tokens, file)
        said = read_predictions([file])[0]
    print(f"{subject.told.path}, after {subject.told.position:,} samples:", file=sys.stderr)
    print(said)
    return 0
