"""`evaluate`: scores of a checkpoint."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "answer multiple-choice questions by likelihood"
EXAMPLE = """\
example:
  python -m train evaluate runs/curriculum --questions world/held_out/questions.json -o scores.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("checkpoint", type=Path, help="a checkpoint, or a run's output directory for its latest")
    parser.add_argument("--questions", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="RESULTS.json")
    parser.add_argument("--blind", action="store_true", help="leave the images out: what the text alone gives away")
    parser.add_argument("--tokenizer", type=Path, help="tokenizer.json; default: the one that the run names")
    parser.add_argument("--batch-size", type=int, default=64, help="prompts at once; has no influence on scores")
    parser.add_argument("--threads", type=int, help="CPU threads; default: torch's own choice")


def run(args: argparse.Namespace) -> int:
    """Evaluate, write, print a line."""
    import torch

    from train.evaluation.evaluate import evaluate, write

    if args.threads:
        torch.set_num_threads(args.threads)
    scores = evaluate(
        args.checkpoint, args.questions, tokenizer=args.tokenizer, blind=args.blind, batch_size=args.batch_size
    )
    write(scores, args.output)
    kinds = ", ".join(f"{kind} {group.accuracy:.1%}" for kind, group in scores.by_kind.items())
    print(f"{scores.accuracy:.1%} of {scores.questions} (chance {scores.chance:.1%}): {kinds}")
    return 0
